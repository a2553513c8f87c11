"""Two networks, or two files of one, on the same pictures: where they disagree, and what a change of one is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from model.inference.prediction import ClassScore

PASSES = 15


@dataclass(frozen=True)
class Disagreement:
    """A picture, by its place in the test set, its true class, and what each of the two says."""

    index: int
    label: str
    first: ClassScore
    second: ClassScore


@dataclass(frozen=True)
class Change:
    """What a second network does with the pictures that a first one was asked; numbers of pictures.

    lost, won: to which only the first, only the second gives the right class; other: to which they give different
    classes, both wrong; chance: how likely a difference of lost and won at least as large is between networks that are
    equally good (exact test of Q. McNemar, 1947, doi 10.1007/BF02295996).
    """

    n: int
    lost: int
    won: int
    other: int
    chance: float

    @property
    def different(self) -> int:
        return self.lost + self.won + self.other


def change(disagreed: list[Disagreement], n: int) -> Change:
    """Count the disagreements over a test set of n pictures."""
    lost = sum(one.first.label == one.label for one in disagreed)
    won = sum(one.second.label == one.label for one in disagreed)
    return Change(n, lost, won, len(disagreed) - lost - won, chance(lost, won))


def chance(lost: int, won: int) -> float:
    """The two-sided probability of a split at least as uneven, were both ways equally likely."""
    total = lost + won
    ways = tail = 1  # total over 0, and the sum so far
    for count in range(min(lost, won)):
        ways = ways * (total - count) // (count + 1)
        tail += ways
    return min(1.0, float(2 * tail / 2**total))


def disagreements(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]
) -> list[Disagreement]:
    """The pictures to which two networks give different classes, in order.

    first, second: probabilities, float (n, classes); labels: the true classes, int (n,).
    """

    def best(rows: np.ndarray, index: int) -> ClassScore:
        place = int(rows[index].argmax())
        return ClassScore(classes[place], place, float(rows[index, place]))

    differ: list[int] = np.flatnonzero(first.argmax(axis=1) != second.argmax(axis=1)).tolist()
    return [Disagreement(index, classes[labels[index]], best(first, index), best(second, index)) for index in differ]


def speeds(passes: Sequence[Callable[[], object]], times: int = PASSES) -> list[float]:
    """The median milliseconds of each pass; they take turns, so that what else the machine does hits all alike."""
    measured: list[list[float]] = [[] for _ in passes]
    for _ in range(times):
        for run, found in zip(passes, measured, strict=True):
            start = perf_counter()
            run()
            found.append(1000 * (perf_counter() - start))
    return [float(np.median(found)) for found in measured]
