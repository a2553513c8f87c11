from __future__ import annotations

import numpy as np
import pytest

from model.evaluation.metrics import (
    class_metrics,
    confident_mistakes,
    cross_entropies,
    label_errors,
    reliability_bins,
    wilson_interval,
)
from model.evaluation.scores import calibration_error

CLASSES = ("cat", "dog")
PROBABILITIES = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.05, 0.95], [0.6, 0.4]])
LABELS = np.array([0, 1, 1, 0, 0])


@pytest.mark.parametrize(
    ("right", "n", "low", "high"), [(9610, 10000, 0.9570, 0.9646), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)]
)
def test_interval_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=1e-4)


def test_by_class_counts_rows_and_columns() -> None:
    cat, dog = class_metrics(np.array([[8, 2], [1, 9]]), CLASSES)
    assert (cat.precision, cat.recall, cat.support) == pytest.approx((8 / 9, 0.8, 10))
    assert dog.f1 == pytest.approx(2 * (9 / 11) * 0.9 / (9 / 11 + 0.9))


def test_a_class_that_nobody_named_has_no_precision() -> None:
    cat, dog = class_metrics(np.array([[3, 0], [0, 0]]), CLASSES)
    assert np.isnan(dog.precision) and np.isnan(dog.recall)
    cat, dog = class_metrics(
        np.array([[2, 1], [0, 0]]), CLASSES
    )  # no picture is of a dog: nobody knows how well it does
    assert np.isnan(dog.recall) and np.isnan(dog.f1) and dog.precision == 0 and cat.f1 == 0.8
    assert cat.precision == 1.0


def test_reliability_bins_give_the_calibration_error() -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(4), 500)
    labels = rng.integers(0, 4, 500)
    bins = reliability_bins(rows, labels)
    assert sum(entry.count for entry in bins) == 500
    assert all(entry.low <= entry.confidence <= entry.high for entry in bins)
    gap = sum(abs(entry.accuracy - entry.confidence) * entry.count for entry in bins) / 500
    assert gap == pytest.approx(calibration_error(rows.max(axis=1), rows.argmax(axis=1) == labels))


def test_mistakes_come_surest_first() -> None:
    assert confident_mistakes(PROBABILITIES, LABELS).tolist() == [3, 1]


def test_losses_are_cross_entropy() -> None:
    assert cross_entropies(PROBABILITIES, LABELS)[[0, 3]] == pytest.approx([-np.log(0.9), -np.log(0.05)])


def test_label_errors_finds_what_was_swapped() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 300)
    rows = np.full((300, 3), 0.05)
    rows[np.arange(300), truth] = 0.9
    given = truth.copy()
    swapped = rng.choice(300, 12, replace=False)
    given[swapped] = (given[swapped] + 1) % 3
    assert set(label_errors(rows, given).tolist()) == set(swapped.tolist())
    assert len(label_errors(rows, truth)) == 0
