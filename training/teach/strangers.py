"""None of these: how similar a picture is to the taught ones, with thresholds from the taught ones themselves.

The method is `neighbors` of model.inference.unknown; each taught picture is compared with all but itself and its
near-duplicates, as if it had not been taught.
"""

from __future__ import annotations

import numpy as np

from model.inference.unknown import NEIGHBORS, FeatureBank, normalize_rows
from model.registry.card import KnownRule

CAREFUL, LEAST_CAREFUL, MOST_CAREFUL = 0.95, 0.5, 0.99
MOST_ROWS = 1000  # of a bank: 1.3 MB in a bundle
_ROWS_A_NEIGHBOR = 200  # as model.export.known has it
# The mean that is taken off features counts as many zeros beside the pictures: of a few pictures it is mostly what
# those show. With two photographs of each of four kinds, that makes the AUROC against others 0.967 instead of 0.935.
_CENTER_ZEROS = 20
# A picture is as alike to the nearest of n others of its class as 0.60 - 0.11 / n, in the mean over photographs of
# six, three and four kinds with 1 to 10 of each; a kind's deviation is 0.09 to 0.17.
_MOST_ALIKE, _ALIKE_GAIN, _USUAL_DEVIATION, _USUAL_WEIGHT = 0.60, 0.11, 0.15, 4
_LEAST_BELOW = 2  # pictures below a threshold that is a quantile; with fewer, the tail is that of a normal distribution


def make_bank(features: np.ndarray) -> tuple[FeatureBank, np.ndarray]:
    """Make a bank of taught pictures' features.

    Args:
        features: float (n, features).

    Returns:
        The bank, and which pictures it holds, int (rows,).
    """
    rows = features.astype(np.float32)
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:MOST_ROWS])
    center = rows.sum(axis=0) / np.float32(len(rows) + _CENTER_ZEROS)
    return FeatureBank(normalize_rows(rows[chosen] - center), center), chosen


def likeness_to_others(
    features: np.ndarray, bank: FeatureBank, chosen: np.ndarray, forbidden: np.ndarray, neighbor: int
) -> np.ndarray:
    """Return the similarity of each picture to its `neighbor`-th nearest row of a bank, float32 (n,), -1 to 1.

    Args:
        features: float (n, features).
        bank: Some of those pictures.
        chosen: int (rows,), which of them.
        forbidden: int (n,); pictures with the same number are not compared.
        neighbor: As a KnownRule has it.
    """
    return _nearest(_likenesses(features, bank), forbidden, chosen, neighbor)


def _likenesses(features: np.ndarray, bank: FeatureBank) -> np.ndarray:
    """Return the similarity of each picture to each row of a bank, float32 (n, rows)."""
    return np.asarray(normalize_rows(features.astype(np.float32) - bank.center) @ bank.rows.T)


def _nearest(likenesses: np.ndarray, forbidden: np.ndarray, chosen: np.ndarray, neighbor: int) -> np.ndarray:
    found = np.where(forbidden[:, None] == forbidden[chosen][None], np.float32(-1), likenesses)
    place = max(0, found.shape[1] - neighbor)
    found.partition(place, axis=1)
    return found[:, place]


def fit_strangers(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, careful: float
) -> tuple[FeatureBank, KnownRule]:
    """Make a bank of a project's pictures, and choose the thresholds of how alike to them a picture has to be.

    Args:
        features: float (n, features).
        labels: int (n,).
        groups: int (n,), of pictures that are not compared with each other.
        careful: The share of new pictures of these classes that must not be called unknown.
    """
    bank, chosen = make_bank(features)
    own = likeness_to_others(features, bank, chosen, groups, neighbor_of(len(bank.rows)))
    return bank, fit_rule(own, count_others(labels, groups), careful, len(bank.rows))


def fit_rule(own: np.ndarray, others: np.ndarray, careful: float, rows: int) -> KnownRule:
    """Choose thresholds that a share of new pictures of a project's classes will pass.

    Args:
        own: float (n,), of `likeness_to_others`; -1 where there was nothing to compare with.
        others: int (n,), how many pictures of the same class each was compared with.
        careful: The share that must not be called unknown; up to twice as many of the others are called unsure.
        rows: Of the bank.
    """
    compared = (own > -1) & (others > 0)
    # A new picture is compared with one more of its class than a taught one was.
    gain = _ALIKE_GAIN / np.maximum(others, 1) - _ALIKE_GAIN / (others + 1)
    expected = own[compared] + gain[compared]
    usual = _MOST_ALIKE - _ALIKE_GAIN / (float(others.mean()) + 1 if len(others) else 1)
    unknown, unsure = (_quantile(expected, share, usual) for share in (1 - careful, min(0.95, 2 * (1 - careful))))
    return KnownRule(NEIGHBORS, max(unsure, unknown + 1e-3), unknown, neighbor_of(rows))


def count_others(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Count what each picture can be compared with in its own class: pictures of other groups, a group once.

    Args:
        labels: int (n,).
        groups: int (n,), of pictures that are not compared with each other.

    Returns:
        int64 (n,).
    """
    pairs = np.unique(np.stack([labels, groups]), axis=1)
    return np.asarray(np.bincount(pairs[0], minlength=int(labels.max(initial=0)) + 1)[labels] - 1)


def neighbor_of(rows: int) -> int:
    """Return which nearest row of a bank is compared with, counted from 1."""
    return max(1, rows // _ROWS_A_NEIGHBOR)


def _quantile(values: np.ndarray, share: float, usual: float) -> float:
    """Return what a share of likenesses lies below; of few, with a usual mean and deviation among them."""
    if len(values) * share >= _LEAST_BELOW:
        return float(np.quantile(values, share))
    weight = _USUAL_WEIGHT + len(values)
    mean = (usual * _USUAL_WEIGHT + values.sum()) / weight
    spread = _USUAL_DEVIATION**2 * _USUAL_WEIGHT + np.square(values - mean).sum()
    # Where so small a share of a normal distribution lies; a logistic one with this factor is within 0.01 of it.
    return float(mean + np.log(share / (1 - share)) / 1.702 * np.sqrt(spread / weight))


def passing_strangers(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, rule: KnownRule) -> float | None:
    """Return the share of pictures that would not be called unknown if their class had not been taught; 0 to 1.

    Each class in turn is taken out of the bank. None for fewer than three classes.
    """
    count = int(labels.max()) + 1 if len(labels) else 0
    if count < 3:
        return None
    bank, chosen = make_bank(features)
    found = normalize_rows(features.astype(np.float32) - bank.center) @ bank.rows.T
    found[labels[:, None] == labels[chosen][None]] = -1
    found[groups[:, None] == groups[chosen][None]] = -1
    place = max(0, len(bank.rows) - rule.neighbor)
    return float((np.partition(found, place, axis=1)[:, place] >= rule.unknown).mean())
