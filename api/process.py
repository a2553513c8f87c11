"""Set up a server's process: many connections, and memory that is returned to the system."""

from __future__ import annotations

import sys

from model.common.cores import cores
from model.common.malloc import M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, set_malloc

_MAX_OPEN_FILES = 65536  # files and connections; the usual 1,024 are too few for a thousand idle clients
_LARGE_BYTES = 8 * 2**20  # Pillow takes 16 MB at a time; fewer slow down batches of small images
_LEAST_HEAPS = 2  # one would have the threads that decode wait for each other


def allow_many_connections() -> None:
    """Raise this process's limit of open files as far as it is allowed to."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def give_large_memory_back() -> None:
    """Make glibc return the memory of a large picture when it is freed.

    By default it keeps it for the thread that decoded the picture: forty pictures of 49 megapixels in 16 threads left 3
    GB behind, and 60 MB with this. It also keeps a heap for each thread; ten of them grew by a quarter while 32 clients
    sent pictures, whole and broken, for half an hour.
    """
    # Whoever sets one has to set the other: glibc no longer raises it, and would give back each batch's memory.
    set_malloc(
        {
            M_MMAP_THRESHOLD: _LARGE_BYTES,
            M_TRIM_THRESHOLD: 2 * _LARGE_BYTES,
            M_ARENA_MAX: max(_LEAST_HEAPS, cores()),
        }
    )
