"""Metrics beyond accuracy: confidence intervals, precision and recall, reliability, label errors.

Throughout: probabilities, float (n, classes); labels, int (n,), the true class of each picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.evaluation.scores import CALIBRATION_BINS

_Z95 = 1.959964  # standard deviations of a normal distribution that 95 % lie within


@dataclass(frozen=True)
class ClassMetrics:
    """Precision, recall and F1 (0 to 1) of one class; support: its number of pictures.

    Undefined ones are NaN; a class without pictures has no recall and no F1, even if it was predicted.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ReliabilityBin:
    """The predictions with about the same confidence: their mean confidence and their accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion of `right` out of `n` > 0.

    E. B. Wilson, 1927, doi 10.1080/01621459.1927.10502953.
    """
    share = right / n
    middle = share + _Z95**2 / (2 * n)
    spread = _Z95 * np.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n * n))
    scale = 1 + _Z95**2 / n
    return max(0.0, float((middle - spread) / scale)), min(1.0, float((middle + spread) / scale))


def class_metrics(confusion: np.ndarray, classes: tuple[str, ...]) -> list[ClassMetrics]:
    """Compute precision, recall and F1 of each class from confusion, int (classes, classes), [true][predicted]."""
    right = np.diag(confusion).astype(float)
    with np.errstate(invalid="ignore"):
        recall = right / confusion.sum(axis=1)
        precision = right / confusion.sum(axis=0)
        f1 = 2 * right / (confusion.sum(axis=0) + confusion.sum(axis=1))
    support = confusion.sum(axis=1)
    f1[support == 0] = np.nan
    return [
        ClassMetrics(label, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
        for i, label in enumerate(classes)
    ]


def worst_first(figures: list[ClassMetrics]) -> list[int]:
    """Return the indices of the classes by F1, lowest first; classes without F1 come last."""
    return sorted(range(len(figures)), key=lambda place: (np.isnan(figures[place].f1), figures[place].f1, place))


def most_confused(confusion: np.ndarray, limit: int) -> list[int]:
    """Return the indices, in class order, of up to `limit` classes with the most confusions."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    part = wrong.sum(axis=0) + wrong.sum(axis=1)
    chosen: list[int] = np.sort(np.argsort(-part, kind="stable")[:limit]).tolist()
    return chosen


def reliability_bins(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS
) -> list[ReliabilityBin]:
    """Group the predictions by confidence into bins of equal width (C. Guo et al., arXiv 1706.04599, section 2).

    Returns:
        The bins that are not empty, least confident first.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for place in np.unique(places):
        inside = places == place
        found.append(
            ReliabilityBin(
                float(place / bins),
                float((place + 1) / bins),
                int(inside.sum()),
                float(confidence[inside].mean()),
                float(right[inside].mean()),
            )
        )
    return found


def cross_entropies(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the cross-entropy loss of each picture, float (n,)."""
    given: np.ndarray = probabilities[np.arange(len(labels)), labels]
    surprise: np.ndarray = -np.log(np.maximum(given, 1e-7))
    return surprise


def confident_mistakes(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the indices of misclassified pictures, int (m,), most confident first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def label_errors(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the indices of pictures whose label is probably wrong, int (m,), most likely first.

    Confident learning (C. Northcutt et al., arXiv 1911.00068): the threshold of a class is the mean probability it gets
    on its own pictures. A label is doubtful if another class exceeds its threshold and is more probable than all others
    that do. This only holds for pictures that the network was not trained on.
    """
    count = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    thresholds = np.array(
        [own[labels == label].mean() if (labels == label).any() else np.inf for label in range(count)]
    )
    confident = np.where(probabilities >= thresholds, probabilities, 0.0)
    suspected = confident.argmax(axis=1)
    doubtful = np.flatnonzero((confident.max(axis=1) > 0) & (suspected != labels))
    margin = own[doubtful] - probabilities[doubtful].max(axis=1)
    return doubtful[np.argsort(margin, kind="stable")]
