"""Settings of the C library's memory allocator."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping

# glibc's option numbers: https://man7.org/linux/man-pages/man3/mallopt.3.html
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8


def set_malloc(settings: Mapping[int, int]) -> None:
    """Set options of glibc's malloc (`M_…` -> value); do nothing with other C libraries."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    if mallopt is not None:
        for setting, value in settings.items():
            mallopt(setting, value)
