"""Describe the machine of a benchmark, and summarize its timings."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np


def describe_machine() -> str:
    """Return processor, cores and Python, for a line above every table."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def time_calls(work: Callable[[], object], n: int, warm_up: int = 5) -> list[float]:
    """Return the milliseconds of each of n calls, after a few warm-up calls."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(n):
        start = perf_counter()
        work()
        times.append((perf_counter() - start) * 1000)
    return times


def format_row(title: str, milliseconds: Sequence[float]) -> str:
    """Return a row with the median and the 95th percentile."""
    median, p99 = np.percentile(milliseconds, [50, 99])
    return f"{title:<44} n {len(milliseconds):>5}   median {median:>9.2f} ms   p99 {p99:>9.2f} ms"
