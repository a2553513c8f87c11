"""Two networks, or two files of one, on the same pictures: where they disagree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.prediction import ClassScore


@dataclass(frozen=True)
class Disagreement:
    """A picture, by its place in the test set, its true class, and what each of the two says."""

    index: int
    label: str
    first: ClassScore
    second: ClassScore


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
