"""Accuracy, calibration error and confusion matrix of a classifier; numbers only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.datasets.splits import DataError, Split
from model.i18n.translations import gettext as _

CALIBRATION_BINS = 15  # of the expected calibration error, as in its source
MAX_CLASSES = 2000  # of a confusion matrix made while a user waits: its size is the square of this


@dataclass(frozen=True)
class Evaluation:
    """The scores on one test set.

    Attributes:
        n: The number of pictures.
        accuracy: 0 to 1.
        ece: Expected calibration error, 0 to 1.
        per_class: Accuracy by true class.
        confusion: Number of pictures, [true][predicted].
    """

    n: int
    accuracy: float
    ece: float
    per_class: dict[str, float]
    confusion: list[list[int]]


def check_class_count(classes: tuple[str, ...]) -> None:
    """Raise DataError for more classes than a confusion matrix can show."""
    if len(classes) > MAX_CLASSES:
        raise DataError(
            _("the network has {count} classes; up to {most} can be evaluated").format(
                count=len(classes), most=MAX_CLASSES
            )
        )


def score(probabilities: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Evaluation:
    """Score probabilities, float (n, classes), against the true labels, int (n,).

    Raises:
        ValueError: There are no pictures.
    """
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
    """Compute the expected calibration error with bins of equal width (C. Guo et al., arXiv 1706.04599, equation 3)."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs(right[bins == b].mean() - confidence[bins == b].mean()) * np.mean(bins == b) for b in np.unique(bins)]
    return float(sum(gaps))


def named_test_sets(name: str, split: Split) -> dict[str, Split]:
    """Return the test sets to report on, by name: the whole test split, and its first pictures if they are a sample."""
    sets = {f"{name} test, all {len(split):,}": split}
    if 0 < split.first < len(split):
        sets[f"{name} test, first {split.first:,}"] = split.take(slice(0, split.first))
    return sets


def evaluate(
    probabilities: Callable[[np.ndarray], np.ndarray], name: str, split: Split, classes: tuple[str, ...]
) -> dict[str, Evaluation]:
    """Predict each picture of a test split once, and score every named test set."""
    return score_sets(probabilities(split.images), name, split, classes)


def score_sets(rows: np.ndarray, name: str, split: Split, classes: tuple[str, ...]) -> dict[str, Evaluation]:
    """Score the probabilities of a test split, float (n, classes), on every named test set."""
    return {
        title: score(rows[: len(part)], part.labels, classes) for title, part in named_test_sets(name, split).items()
    }
