"""How many cores this process is to use: all that it may, or its share where several processes do the same work."""

from __future__ import annotations

import os

# What the libraries of networks read when they are loaded.
_VARIABLES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_shared = 1  # by so many processes


def available_cores() -> int:
    """Return how many cores the system lets this process use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores() -> int:
    """Return how many threads may compute at the same time in this process."""
    return max(1, available_cores() // _shared)


def share_cores(processes: int) -> None:
    """Leave this process, and those that it starts, the share of one of so many; call it before networks are loaded.

    Threads that are more than the cores would only take turns. A number that the environment gives a library stays.
    """
    global _shared
    _shared = processes
    for name in _VARIABLES:
        os.environ.setdefault(name, str(cores()))
