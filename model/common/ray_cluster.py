"""The one place that connects to a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from model.common.errors import VitrineError
from model.common.extras import require
from model.i18n.translations import gettext as _

LOCAL = "local"  # the address of a cluster that is started here and ends with its user


class ClusterError(VitrineError, ValueError):
    """A Ray cluster cannot be reached or cannot do what is asked; the message says why."""


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Connect to a Ray cluster for the block, which is given the module `ray`.

    Args:
        address: The cluster's, such as `auto` or `ray://host:10001`, or `local` to start one here.

    Raises:
        ClusterError: The cluster cannot be reached.
        NotInstalled: Ray is not there.
    """
    require("ray")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing is sent to Ray's makers
    import ray

    started = {"include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **started)
    except Exception as error:  # Ray has many kinds of errors for an address
        raise ClusterError(
            _("the Ray cluster {address} cannot be reached: {reason}").format(address=address, reason=first_line(error))
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def first_line(error: BaseException) -> str:
    """Return the first line of an error of Ray's, which may have a whole report below it."""
    return str(error).strip().partition("\n")[0]
