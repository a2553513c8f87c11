"""TensorFlow's notes at its start are not for users."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

QUIET = "3"
# TensorFlow reads this when it is first imported; whoever sets it to less sees everything.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET)

# What its C++ writes to stderr all the same, before it has read that level.
NOISE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]0000 |To enable the following instructions|"
    rb"INFO: (Created|Applying) |fully_quantize: "
)
LOCK = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Hold stderr back while TensorFlow starts; afterwards every line that is not one of its notes is let through."""
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != QUIET:
        yield
        return
    with LOCK, tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        real = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(real, 2)
            os.close(real)
            held.seek(0)
            for line in held:
                if not NOISE.match(line):
                    os.write(2, line)
