from __future__ import annotations

import numpy as np
import pytest

from model.datasets.splits import Split
from model.evaluation import scores

CLASSES = ("cat", "dog", "ship")
PROBABILITIES = np.array([[0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.3, 0.7, 0.0], [0.2, 0.8, 0.0]], np.float32)
LABELS = np.array([0, 1, 1, 1])


def split(n: int, first: int = 0) -> Split:
    return Split(np.zeros((n, 8, 8, 3), np.uint8), np.arange(n) % 10, first)


def test_hand_made_figures() -> None:
    result = scores.score(PROBABILITIES, LABELS, CLASSES)
    assert (result.n, result.accuracy) == (4, 0.75)
    assert result.confusion == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]  # rows are the true classes
    assert result.per_class == {"cat": 1.0, "dog": pytest.approx(2 / 3)}
    # Each picture has a bin of its own: |1 - 0.9|, |0 - 0.6|, |1 - 0.7| and |1 - 0.8|, a quarter each.
    assert result.ece == pytest.approx((0.1 + 0.6 + 0.3 + 0.2) / 4)


def test_calibration_error_is_taken_by_bin() -> None:
    same = np.full(10, 0.8)
    assert scores.calibration_error(same, np.arange(10) < 8) == pytest.approx(0.0, abs=1e-9)
    assert scores.calibration_error(same, np.arange(10) < 3) == pytest.approx(0.5)
    assert scores.calibration_error(np.ones(4), np.ones(4, bool)) == pytest.approx(0.0)


def test_no_pictures_is_an_error() -> None:
    with pytest.raises(ValueError, match="no pictures to evaluate on"):
        scores.score(PROBABILITIES[:0], LABELS[:0], CLASSES)


def test_a_set_is_reported_whole_and_on_its_first_pictures_where_it_says_so() -> None:
    assert {name: len(part) for name, part in scores.named_test_sets("cifar10", split(10_000, 1000)).items()} == {
        "cifar10 test, all 10,000": 10_000,
        "cifar10 test, first 1,000": 1000,
    }
    assert list(scores.named_test_sets("cifar10", split(1000, 1000))) == ["cifar10 test, all 1,000"]
    assert list(scores.named_test_sets("cifar10", split(2000))) == ["cifar10 test, all 2,000"]


def test_first_thousand_are_scored_apart() -> None:
    def right_at_first(images: np.ndarray) -> np.ndarray:
        answers = np.where(np.arange(len(images)) < 1000, np.arange(len(images)) % 10, 0)
        return np.eye(10)[answers]

    classes = tuple("abcdefghij")
    whole, first = scores.evaluate(right_at_first, "cifar10", split(2000, 1000), classes).values()
    assert (whole.n, first.n) == (2000, 1000)
    assert (whole.accuracy, first.accuracy) == (0.55, 1.0)
