"""TensorFlow's notes at its start are not for users."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

QUIET = "3"
# TensorFlow reads this when it is first imported; whoever sets it to less sees everything.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", QUIET)

# What its C++ writes to stderr all the same, before it has read that level.
NOISE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]0000 |To enable the following instructions|"
    rb"INFO: (Created|Applying) |fully_quantize: "
)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop notes from what is written to stderr meanwhile; every other line comes through at once, whoever wrote it.

    Any number of threads may be inside together.
    """
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != QUIET:
        yield
        return
    _FILTER.enter()
    try:
        yield
    finally:
        _FILTER.leave()


class Filter:
    """Stands between file descriptor 2 and where it went, while at least one thread wants it to."""

    def __init__(self) -> None:
        self.guard, self.inside = threading.Lock(), 0

    def enter(self) -> None:
        with self.guard:
            if self.inside == 0:
                self.begin()
            self.inside += 1

    def leave(self) -> None:
        with self.guard:
            self.inside -= 1
            if self.inside == 0:
                self.end()

    def begin(self) -> None:
        # A file, not a pipe: C++ that fills a pipe while it holds Python's lock would wait for its reader for ever.
        written, name = tempfile.mkstemp()
        self.path, self.rest, self.ended = Path(name), b"", threading.Event()
        self.reader = self.path.open("rb")
        flush()
        self.real = os.dup(2)
        os.dup2(written, 2)
        os.close(written)
        self.passing = threading.Thread(target=self.pass_lines, name="stderr", daemon=True)
        self.passing.start()

    def end(self) -> None:
        flush()
        os.dup2(self.real, 2)
        self.ended.set()
        self.passing.join()
        os.close(self.real)
        self.reader.close()
        self.path.unlink()

    def pass_lines(self) -> None:
        while not self.ended.wait(0.05):
            self.pass_on()
        self.pass_on()
        self.write(self.rest)

    def pass_on(self) -> None:
        """Write the lines that are whole by now."""
        for part in self.reader:
            self.rest += part
            if part.endswith(b"\n"):
                self.write(self.rest)
                self.rest = b""

    def write(self, line: bytes) -> None:
        if line and not NOISE.match(line):
            with suppress(OSError):  # nobody reads it any more
                os.write(self.real, line)


def flush() -> None:
    if sys.stderr is not None:  # a program without a console has none
        sys.stderr.flush()


_FILTER = Filter()
