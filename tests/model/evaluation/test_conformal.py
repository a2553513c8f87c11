from __future__ import annotations

import numpy as np
import pytest

from model.evaluation.conformal import fit_thresholds, least_pictures, measure_sets
from model.inference.prediction_sets import members
from model.registry.card import SetRule


def drawn(seed: int, n: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, 3) of a classifier that is surer of the first class than of the others, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    logits = rng.normal(0, 1, (n, 3))
    logits[np.arange(n), labels] += np.array([4.0, 1.5, 1.0])[labels]
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_each_class_is_covered_as_often_as_said_on_pictures_of_the_same_kind(coverage: float) -> None:
    rule = SetRule(coverage, fit_thresholds(*drawn(0), coverage), 6000)
    probabilities, labels = drawn(1)
    inside = members(rule, probabilities)
    for label in range(3):
        reached = probabilities[labels == label, label] >= rule.thresholds[label]
        assert reached.mean() == pytest.approx(coverage, abs=0.025)
        assert inside[labels == label, label].mean() >= reached.mean()  # the likeliest class is there in any case
    share, size = measure_sets(rule, probabilities, labels)
    assert coverage - 0.015 < share < 1
    assert 1 <= size < 3 and size == pytest.approx(inside.sum(axis=1).mean())


def test_other_pictures_are_covered_less() -> None:
    rule = SetRule(0.95, fit_thresholds(*drawn(0), 0.95), 6000)
    probabilities, labels = drawn(1)
    assert measure_sets(rule, probabilities, (labels + 1) % 3)[0] < 0.8


def test_thresholds_are_the_probability_that_enough_pictures_reach() -> None:
    own = np.linspace(0.05, 0.95, 19)  # (19 + 1) * 0.95 is 19: all have to reach it
    probabilities = np.stack([own, 1 - own], axis=1)
    assert fit_thresholds(probabilities, np.zeros(19, int), 0.95) == (pytest.approx(0.05), 0.0)
    assert fit_thresholds(probabilities[:18], np.zeros(18, int), 0.95)[0] == 0.0
    assert [least_pictures(coverage) for coverage in (0.95, 0.9, 0.5)] == [19, 9, 1]


def test_a_set_is_never_empty() -> None:
    inside = members(SetRule(0.5, (0.9, 0.9), 10), np.array([[0.6, 0.4], [0.05, 0.95]]))
    assert inside.tolist() == [[True, False], [False, True]]
