"""What a server asks of the system for its process: many connections, and memory that goes back."""

from __future__ import annotations

import sys

from model.common.malloc import M_MMAP_THRESHOLD, set_malloc

MOST_OPEN = 65536  # files and connections; a usual limit of 1,024 is less than a thousand idle clients need
LARGE = 4 * 2**20  # bytes; a pass of 16 small pictures needs less in one piece, and stays quick


def allow_many_connections() -> None:
    """Raise this process's limit of open files as far as it may itself."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def give_large_memory_back() -> None:
    """Let glibc give the pixels of a large picture back when it is forgotten.

    Left alone it keeps them for the thread that decoded it: forty pictures of 49 megapixels in 16 threads left 3 GB
    behind, and 60 MB with this.
    """
    set_malloc({M_MMAP_THRESHOLD: LARGE})
