"""What there is to say about a taught network and its pictures: each function finds one part of a report."""

from __future__ import annotations

import numpy as np

from model.evaluation.scores import calibration_error
from model.signature.outputs import softmax
from training.teach.features import Samples
from training.teach.head import Space
from training.teach.report import (
    BLURRED,
    BRIGHT,
    DARK,
    TINY,
    Confusion,
    DuplicateGroup,
    Flaw,
    Forecast,
    Giveaway,
    Suspect,
)
from training.teach.validation import NEVER, Validation, apply

# Mean luminance, variance of the Laplacian and pixels. Of 354 photographs the darkest has 0.08 and 1 % lie below 0.18;
# the least sharp has 10, and made 8 times smaller and enlarged again, all lie below 2.
_DARKEST, _BRIGHTEST, _LEAST_SHARP, _LEAST_SIDE, _SIDE_FOR_SHARPNESS = 0.1, 0.95, 8.0, 64, 128
_OUT_OF_BALANCE = 4  # times as many pictures in the largest class as in the smallest
_SURE_OF_OTHER, _MOST_SUSPECTS = 0.6, 100  # probability of another class than a picture's own, and how many are named
_LEAST_COVERED, _GIVEN_AWAY = 5, 0.8  # pictures, and the share of them still right with their centre covered
_LEAST_FORECAST = 30  # pictures
_LEAST_GAIN = 0.01  # of accuracy, that is worth more pictures


def confusion_matrix(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count held-out pictures, int (classes, classes), [true][predicted]."""
    count = logits.shape[1]
    places = labels * count + logits.argmax(axis=1)
    return np.bincount(places, minlength=count * count).reshape(count, count)


def expected_calibration_error(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the calibration error of held-out logits, float (n, classes); NaN for none."""
    if not len(labels):
        return float("nan")
    probabilities = softmax(logits)
    return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def confused_pairs(confusion: np.ndarray, classes: tuple[str, ...], limit: int = 5) -> tuple[Confusion, ...]:
    """List the pairs of classes that are taken for each other most often."""
    both = np.triu(confusion + confusion.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")[:limit]
    pairs = [divmod(int(place), len(classes)) for place in order]
    return tuple(Confusion(classes[a], classes[b], int(both[a, b])) for a, b in pairs if both[a, b])


def find_suspects(samples: Samples, logits: np.ndarray, held_out: np.ndarray) -> tuple[Suspect, ...]:
    """List pictures whose held-out answer is confidently another class, the most confident first.

    The head that answered had not seen the picture, so the picture's own wrong label could not mislead it (C. Northcutt
    et al., arXiv 1911.00068, with one threshold for all classes: one for each class would rest on too few pictures).
    """
    places = np.flatnonzero(held_out)
    if not len(places):
        return ()
    probabilities, labels = softmax(logits[places]), samples.labels[places]
    best, every = probabilities.argmax(axis=1), np.arange(len(places))
    margin = probabilities[every, best] - probabilities[every, labels]
    surely = np.flatnonzero((best != labels) & (probabilities[every, best] >= _SURE_OF_OTHER))
    return tuple(
        Suspect(
            int(samples.ids[places[place]]),
            samples.classes[labels[place]],
            samples.classes[best[place]],
            float(probabilities[place, best[place]]),
        )
        for place in surely[np.argsort(-margin[surely], kind="stable")][:_MOST_SUSPECTS]
    )


def list_duplicates(samples: Samples, groups: np.ndarray) -> tuple[DuplicateGroup, ...]:
    """List the groups of two and more pictures, those across classes first, then the largest."""
    order = np.argsort(groups, kind="stable")
    ends = np.flatnonzero(np.diff(groups[order])) + 1
    found = [
        DuplicateGroup(
            tuple(map(int, samples.ids[members])), tuple(samples.classes[label] for label in samples.labels[members])
        )
        for members in np.split(order, ends)
        if len(members) > 1
    ]
    return tuple(sorted(found, key=lambda group: (not group.across, -len(group.ids))))


def find_flaws(samples: Samples) -> tuple[Flaw, ...]:
    """List pictures that are too small, dark, bright or blurred, each once."""
    kinds = np.select(
        [
            samples.sides < _LEAST_SIDE,
            samples.brightness < _DARKEST,
            samples.brightness > _BRIGHTEST,
            (samples.sharpness < _LEAST_SHARP) & (samples.sides >= _SIDE_FOR_SHARPNESS),
        ],
        [TINY, DARK, BRIGHT, BLURRED],
        "",
    )
    flawed = kinds != ""
    return tuple(map(Flaw, samples.ids[flawed].tolist(), kinds[flawed].tolist()))


def small_classes(labels: np.ndarray, groups: np.ndarray, classes: tuple[str, ...]) -> tuple[str, ...]:
    """List classes far smaller than the largest, near-duplicates counted once."""
    counts = [len(np.unique(groups[labels == label])) for label in range(len(classes))]
    return tuple(name for name, count in zip(classes, counts, strict=True) if count * _OUT_OF_BALANCE <= max(counts))


def find_giveaways(samples: Samples, space: Space, validation: Validation) -> tuple[Giveaway, ...]:
    """List classes that are still recognized when the middle of the picture is covered.

    Each picture is answered by a head that has not seen it.
    """
    places = samples.covered
    if not len(places):
        return ()
    rows, folds = space.project(samples.covered_features), validation.folds[places]
    predicted = np.full(len(places), -1)
    for fold in map(int, np.unique(folds[folds != NEVER])):
        predicted[folds == fold] = apply(validation.solutions[fold], rows[folds == fold]).argmax(axis=1)
    found = []
    for label, name in enumerate(samples.classes):
        members = (samples.labels[places] == label) & (folds != NEVER)
        # If covered pictures of the other classes are taken for it too, its own tell nothing about its background.
        others = (samples.labels[places] != label) & (folds != NEVER)
        count, right = int(members.sum()), int((predicted[members] == label).sum())
        taken_for_it = float((predicted[others] == label).mean()) if others.any() else 1.0
        if count >= _LEAST_COVERED and right >= _GIVEN_AWAY * count and taken_for_it < 1 - _GIVEN_AWAY:
            found.append(Giveaway(name, right, count))
    return tuple(found)


def forecast(curve: list[tuple[int, float]], classes: int) -> Forecast | None:
    """Extrapolate what twice as many pictures would bring from how the error has fallen so far.

    The error is taken to fall by a power of the number of pictures (C. Cortes et al., NIPS 1993). None where the curve
    has fewer than two numbers of pictures, or its last is so small that the error is mostly chance.
    """
    if len({size for size, _accuracy in curve}) < 2 or curve[-1][0] < _LEAST_FORECAST:
        return None
    sizes = np.log([size for size, _accuracy in curve])
    errors = np.log([1 - accuracy + 0.5 / size for size, accuracy in curve])
    slope = float(np.polyfit(sizes, errors, 1)[0])
    size, accuracy = curve[-1]
    later = 1 - (1 - accuracy) * 2 ** min(slope, 0.0)
    more = max(classes, round(size, -1 if size < 200 else -2))
    return Forecast(more if later - accuracy >= _LEAST_GAIN else 0, later)
