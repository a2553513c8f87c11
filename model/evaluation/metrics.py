"""What a table of probabilities says beside its accuracy: intervals, precision, reliability, doubtful labels.

Everywhere: probabilities, float (n, classes); labels, int (n,), the true class of each picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.evaluation.scores import BINS

Z95 = 1.959964  # of the standard normal distribution: 95 % lie within so many deviations


@dataclass(frozen=True)
class ClassFigures:
    """One class: shares 0 to 1, NaN where nothing was there to divide by; support: its pictures.

    A class without a picture has no recall and no F1, whatever else was taken for it.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers of about one confidence: how sure they were on average, and what share was right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def interval(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of `right` in `n` > 0 (E. B. Wilson, 1927, doi 10.1080/01621459.1927.10502953)."""
    share = right / n
    middle = share + Z95**2 / (2 * n)
    spread = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n * n))
    scale = 1 + Z95**2 / n
    return max(0.0, float((middle - spread) / scale)), min(1.0, float((middle + spread) / scale))


def by_class(confusion: np.ndarray, classes: tuple[str, ...]) -> list[ClassFigures]:
    """Precision, recall and F1 of each class; confusion: int (classes, classes), [true][predicted]."""
    right = np.diag(confusion).astype(float)
    with np.errstate(invalid="ignore"):
        recall = right / confusion.sum(axis=1)
        precision = right / confusion.sum(axis=0)
        f1 = 2 * right / (confusion.sum(axis=0) + confusion.sum(axis=1))
    support = confusion.sum(axis=1)
    f1[support == 0] = np.nan
    return [
        ClassFigures(label, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
        for i, label in enumerate(classes)
    ]


def worst_first(figures: list[ClassFigures]) -> list[int]:
    """The places of the classes, the lowest F1 first; those without any come last."""
    return sorted(range(len(figures)), key=lambda place: (np.isnan(figures[place].f1), figures[place].f1, place))


def most_confused(confusion: np.ndarray, most: int) -> list[int]:
    """The places of the at most `most` classes that have part in the most wrong answers, in the classes' order."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    part = wrong.sum(axis=0) + wrong.sum(axis=1)
    chosen: list[int] = np.sort(np.argsort(-part, kind="stable")[:most]).tolist()
    return chosen


def reliability(probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS) -> list[ReliabilityBin]:
    """The bins of equal width that hold answers, least sure first (C. Guo et al., arXiv 1706.04599, section 2)."""
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


def losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The cross-entropy of each picture, float (n,): what the network was surprised by most is highest."""
    given: np.ndarray = probabilities[np.arange(len(labels)), labels]
    surprise: np.ndarray = -np.log(np.maximum(given, 1e-7))
    return surprise


def mistakes(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The pictures given a wrong class, int (m,), the surest first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def label_errors(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The pictures whose label is probably wrong, int (m,), the likeliest first.

    Confident learning (C. Northcutt et al., arXiv 1911.00068): a class's threshold is the mean probability it gets on
    its own pictures; a picture is doubtful when another class passes its threshold and is likelier than any other that
    does. Only sound for pictures that the network was not trained on.
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
