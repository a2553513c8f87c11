"""Fit prediction sets on held-out pictures, and measure on others how often the true class is in them."""

from __future__ import annotations

import math

import numpy as np

from model.inference.prediction_sets import members
from model.registry.card import SetRule


def least_pictures(coverage: float) -> int:
    """Return how many held-out pictures of a class it takes for a threshold that means anything: 19 for 95 %."""
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def fit_thresholds(probabilities: np.ndarray, labels: np.ndarray, coverage: float) -> tuple[float, ...]:
    """Return for each class the probability that it needs to be in a set.

    Of n held-out pictures of the class, at least (n + 1) * coverage reach it (split conformal prediction,
    A. Angelopoulos and S. Bates, arXiv 2107.07511, section 1, for each class by itself). Too few pictures make it 0.

    Args:
        probabilities: float (n, classes).
        labels: The true classes, int (n,).
        coverage: How often the true class is to be in the set, between 0 and 1.
    """
    thresholds = []
    for label in range(probabilities.shape[1]):
        own = np.sort(probabilities[labels == label, label])[::-1]
        needed = math.ceil((len(own) + 1) * coverage - 1e-9)
        thresholds.append(float(own[needed - 1]) if needed <= len(own) else 0.0)
    return tuple(thresholds)


def measure_sets(rule: SetRule, probabilities: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the share of pictures whose true class is in their set, and how many classes a set has on average."""
    inside = members(rule, probabilities)
    return float(inside[np.arange(len(labels)), labels].mean()), float(inside.sum(axis=1).mean())
