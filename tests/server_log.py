"""What a server has printed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def without_traceback(log: Path) -> Iterator[None]:
    """Check that a log has got no traceback meanwhile. Raises AssertionError with what was printed."""
    before = log.stat().st_size
    yield
    with log.open("rb") as file:
        file.seek(before)
        printed = file.read().decode("utf-8", "replace")
    assert "Traceback" not in printed, printed
