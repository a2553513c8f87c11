"""A real Ray cluster on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def ray_nodes(monkeypatch: pytest.MonkeyPatch, cores: int = 1) -> Iterator[Any]:
    """A cluster with one node, which others can be added to and taken from."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # A node that is gone is known to be within seconds.
    monkeypatch.setenv("RAY_health_check_period_ms", "1000")
    monkeypatch.setenv("RAY_health_check_timeout_ms", "1000")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "3")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": cores, "include_dashboard": False})
    try:
        yield made
    finally:
        made.shutdown()
