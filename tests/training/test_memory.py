"""What is freed is kept, where the C library can be asked to."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

MEGABYTES, ROUNDS = 64, 10
# Pages that the system had to bring while the same piece of memory was taken and freed again and again.
SCRIPT = f"""
import resource, sys
from training.memory import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    piece = b"x" * ({MEGABYTES} * 2**20)
    del piece
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize() / 2**20)
"""


def brought(how: str) -> float:
    """Megabytes."""
    return float(subprocess.run([sys.executable, "-c", SCRIPT, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no mallopt")
def test_what_is_freed_is_used_again_and_not_fetched_anew() -> None:
    assert brought("kept") < 2 * MEGABYTES
    assert brought("left") > MEGABYTES * ROUNDS / 2
