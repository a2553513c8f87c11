"""How good a classifier is on labelled pictures: numbers only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.datasets.splits import DataError, Split
from model.i18n.translations import gettext as _

BINS = 15  # of the calibration error, as in its source
MOST_CLASSES = 2000  # of a confusion matrix that is made while somebody waits: it has as many numbers as their square


@dataclass(frozen=True)
class Evaluation:
    """accuracy and ece 0 to 1; per_class: share right by true class; confusion[true][predicted]: pictures."""

    n: int
    accuracy: float
    ece: float
    per_class: dict[str, float]
    confusion: list[list[int]]


def check_count(classes: tuple[str, ...]) -> None:
    """Raise DataError for more classes than a confusion matrix can be shown for."""
    if len(classes) > MOST_CLASSES:
        raise DataError(
            _("the network has {count} classes; up to {most} can be evaluated").format(
                count=len(classes), most=MOST_CLASSES
            )
        )


def score(probabilities: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Evaluation:
    """Compare probabilities, float (n, classes), with the true labels, int (n,). n must not be 0."""
    if len(labels) == 0:
        raise ValueError("there are no pictures to evaluate on")
    predicted = probabilities.argmax(axis=1)
    count = len(classes)
    confusion = np.bincount(labels * count + predicted, minlength=count * count).reshape(count, count)
    totals = confusion.sum(axis=1)
    per_class = {
        name: float(confusion[index, index] / totals[index]) for index, name in enumerate(classes) if totals[index]
    }
    ece = calibration_error(probabilities.max(axis=1), predicted == labels)
    return Evaluation(len(labels), float(np.mean(predicted == labels)), ece, per_class, confusion.tolist())


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error over equal bins of confidence (C. Guo et al., arXiv 1706.04599, equation 3)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(right[bins == b].mean() - confidence[bins == b].mean()) * np.mean(bins == b) for b in np.unique(bins)]
    return float(sum(gaps))


def test_sets(name: str, split: Split) -> dict[str, Split]:
    """The named sets that figures are reported on: the whole test split, and its first pictures where it says so."""
    sets = {f"{name} test, all {len(split):,}": split}
    if 0 < split.first < len(split):
        sets[f"{name} test, first {split.first:,}"] = split.take(slice(0, split.first))
    return sets


def evaluate(
    probabilities: Callable[[np.ndarray], np.ndarray], name: str, split: Split, classes: tuple[str, ...]
) -> dict[str, Evaluation]:
    """One plain view of each picture through `probabilities`, scored on each named test set; one pass serves all."""
    return score_sets(probabilities(split.images), name, split, classes)


def score_sets(rows: np.ndarray, name: str, split: Split, classes: tuple[str, ...]) -> dict[str, Evaluation]:
    """Probabilities of a test split, float (n, classes), scored on each of its named sets."""
    return {title: score(rows[: len(part)], part.labels, classes) for title, part in test_sets(name, split).items()}
