"""Robust statistics that tell whether a curve rises, falls or is level despite its noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_MIN_TREND = 5  # values below which nothing is called a trend
_MIN_LEVEL = 8  # and those below which nothing is called level: that it does not move must be seen for longer
_SIGNIFICANT = 2.2  # standard deviations; five values in strict order just reach it
_NOISE_FACTOR = 2.0  # a change smaller than so many standard deviations of the noise is none
_MIN_CHANGE = 0.01  # and so is one smaller than this share of the values


def mann_kendall(values: Sequence[float] | np.ndarray) -> float:
    """Return how much a series rises (above 0) or falls, in standard deviations of a series without trend.

    The test of Mann (1945) and Kendall (1975), https://doi.org/10.2307/1907187, only compares pairs of values, so that
    outliers have little influence.
    """
    series = np.asarray(values, float)
    n = len(series)
    if n < 2:
        return 0.0
    pairs = float(np.sign(series[None, :] - series[:, None])[np.triu_indices(n, 1)].sum())
    corrected = pairs - np.sign(pairs)
    return float(corrected / np.sqrt(n * (n - 1) * (2 * n + 5) / 18))


def noise(values: Sequence[float] | np.ndarray) -> float:
    """Estimate the standard deviation of the noise from second differences; 0 below three values."""
    bends = np.abs(np.diff(np.asarray(values, float), 2))
    return float(np.median(bends) / 0.6745 / np.sqrt(6)) if len(bends) else 0.0


def start_and_end(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Return the medians of the first and of the last third."""
    series = np.asarray(values, float)
    third = max(1, len(series) // 3)
    return float(np.median(series[:third])), float(np.median(series[-third:]))


def total_change(values: Sequence[float] | np.ndarray) -> float:
    """How far a series ends above its beginning."""
    begin, end = start_and_end(values)
    return end - begin


def smallest_change(values: Sequence[float] | np.ndarray) -> float:
    """The smallest change of a series that stands out of its noise."""
    return max(_NOISE_FACTOR * noise(values), _MIN_CHANGE * float(np.median(np.abs(values))))


def direction(values: Sequence[float] | np.ndarray) -> int:
    """Return 1 if a series rises, -1 if it falls, 0 if neither exceeds the noise or it is too short."""
    if len(values) < _MIN_TREND:
        return 0
    found, moved = mann_kendall(values), total_change(values)
    if abs(found) < _SIGNIFICANT or abs(moved) < smallest_change(values) or found * moved <= 0:
        return 0
    return 1 if found > 0 else -1


def is_level(values: Sequence[float] | np.ndarray) -> bool:
    """Whether a series stays where it began, but for its noise."""
    if len(values) < _MIN_LEVEL:
        return False
    series = np.asarray(values, float)
    room = smallest_change(series)
    return abs(total_change(series)) < room and abs(median_of_three(series)[0] - float(np.median(series))) < room


def level_since(values: Sequence[float] | np.ndarray) -> int | None:
    """Return the first index from which the series is level; None if its end is not."""
    starts = range(len(values) - _MIN_LEVEL + 1)
    return next((start for start in starts if is_level(values[start:])), None)


def minimum_index(values: Sequence[float] | np.ndarray) -> int:
    """Return the index of the minimum after a running median of three, so that one lucky value does not count."""
    return int(np.argmin(median_of_three(values)))


def median_of_three(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the running median of three, (n,); at the ends the mean of two."""
    series = np.asarray(values, float)
    if len(series) < 3:
        return series
    middle = np.median([series[:-2], series[1:-1], series[2:]], axis=0)
    return np.concatenate([[series[:2].mean()], middle, [series[-2:].mean()]])
