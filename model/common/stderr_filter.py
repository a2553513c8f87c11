"""Keep TensorFlow's start-up messages away from users."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_QUIET = "3"
# TensorFlow reads this when it is imported; set it lower to see every message.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _QUIET)

# Messages that its C++ code writes to stderr before it has read that level.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl|[IWE]0000 |To enable the following instructions|"
    rb"INFO: (Created|Applying) |fully_quantize: "
)


@contextmanager
def quiet() -> Iterator[None]:
    """Drop TensorFlow's messages from stderr while the block runs; all other lines pass at once.

    Any number of threads may use it at the same time.
    """
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != _QUIET:
        yield
        return
    _FILTER.enter()
    try:
        yield
    finally:
        _FILTER.leave()


class _StderrFilter:
    """Redirects file descriptor 2 through a filter while at least one thread is inside."""

    def __init__(self) -> None:
        self.lock, self.depth = threading.Lock(), 0

    def enter(self) -> None:
        """Start filtering if this is the first thread inside."""
        with self.lock:
            if self.depth == 0:
                self.begin()
            self.depth += 1

    def leave(self) -> None:
        """Stop filtering if this was the last thread inside."""
        with self.lock:
            self.depth -= 1
            if self.depth == 0:
                self.end()

    def begin(self) -> None:
        """Redirect stderr into a temporary file and start the thread that forwards its lines."""
        # A file, not a pipe: C++ code that fills a pipe while it holds the GIL would wait for the reader for ever.
        written, name = tempfile.mkstemp()
        self.path, self.rest, self.ended = Path(name), b"", threading.Event()
        self.reader = self.path.open("rb")
        _flush()
        self.real = os.dup(2)
        os.dup2(written, 2)
        os.close(written)
        self.forwarder = threading.Thread(target=self.forward_until_end, name="stderr", daemon=True)
        self.forwarder.start()

    def end(self) -> None:
        """Restore stderr after forwarding what is left."""
        _flush()
        os.dup2(self.real, 2)
        self.ended.set()
        self.forwarder.join()
        os.close(self.real)
        self.reader.close()
        self.path.unlink()

    def forward_until_end(self) -> None:
        """Forward lines until the filter ends; runs in a thread."""
        while not self.ended.wait(0.05):
            self.forward_lines()
        self.forward_lines()
        self.write(self.rest)

    def forward_lines(self) -> None:
        """Forward the lines that are complete by now."""
        for part in self.reader:
            self.rest += part
            if part.endswith(b"\n"):
                self.write(self.rest)
                self.rest = b""

    def write(self, line: bytes) -> None:
        """Write a line to the real stderr unless it is noise."""
        if line and not _NOISE.match(line):
            with suppress(OSError):  # stderr has been closed
                os.write(self.real, line)


def _flush() -> None:
    if sys.stderr is not None:  # a program without a console has none
        sys.stderr.flush()


_FILTER = _StderrFilter()
