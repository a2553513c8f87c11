"""Compare two networks, or two files of one, on the same pictures: disagreements, McNemar's test, speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from model.inference.prediction import ClassScore

_REPEATS = 15


@dataclass(frozen=True)
class Disagreement:
    """A picture (by index) to which two networks give different classes, with its true class."""

    index: int
    label: str
    first: ClassScore
    second: ClassScore


@dataclass(frozen=True)
class PairedTest:
    """How the predictions change from a first network to a second one.

    Attributes:
        n: The number of pictures.
        lost: Pictures that only the first network gets right.
        won: Pictures that only the second network gets right.
        other: Pictures to which they give different classes, both wrong.
        p_value: The probability of a difference between lost and won at least this large if both networks were equally
            good (exact test of Q. McNemar, 1947, doi 10.1007/BF02295996).
    """

    n: int
    lost: int
    won: int
    other: int
    p_value: float

    @property
    def different(self) -> int:
        """The number of pictures to which they give different classes."""
        return self.lost + self.won + self.other


def count_changes(disagreed: list[Disagreement], n: int) -> PairedTest:
    """Count the disagreements on a test set of n pictures."""
    lost = sum(one.first.label == one.label for one in disagreed)
    won = sum(one.second.label == one.label for one in disagreed)
    return PairedTest(n, lost, won, len(disagreed) - lost - won, mcnemar_p_value(lost, won))


def mcnemar_p_value(lost: int, won: int) -> float:
    """Return the two-sided p-value of the exact binomial test with equal probabilities."""
    total = lost + won
    ways = tail = 1  # the binomial coefficient "total choose count", and the sum so far
    for count in range(min(lost, won)):
        ways = ways * (total - count) // (count + 1)
        tail += ways
    return min(1.0, float(2 * tail / 2**total))


def disagreements(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]
) -> list[Disagreement]:
    """List the pictures to which two networks give different classes, in order.

    Args:
        first: Probabilities of the first network, float (n, classes).
        second: Probabilities of the second network, float (n, classes).
        labels: The true classes, int (n,).
        classes: The names of the classes.
    """

    def best(rows: np.ndarray, index: int) -> ClassScore:
        place = int(rows[index].argmax())
        return ClassScore(classes[place], place, float(rows[index, place]))

    differ: list[int] = np.flatnonzero(first.argmax(axis=1) != second.argmax(axis=1)).tolist()
    return [Disagreement(index, classes[labels[index]], best(first, index), best(second, index)) for index in differ]


def median_times(passes: Sequence[Callable[[], object]], repeats: int = _REPEATS) -> list[float]:
    """Return the median milliseconds of each function; they take turns, so that other load affects all equally."""
    measured: list[list[float]] = [[] for _ in passes]
    for _ in range(repeats):
        for run, found in zip(passes, measured, strict=True):
            start = perf_counter()
            run()
            found.append(1000 * (perf_counter() - start))
    return [float(np.median(found)) for found in measured]
