"""Prediction sets: the classes that a picture's true one is among, with a confidence that is chosen beforehand.

Split conformal prediction class by class (V. Vovk, arXiv 1209.2673): a class is in the set if its probability is at
least what nearly all held-out pictures of that class reach.
"""

from __future__ import annotations

import numpy as np

from model.registry.card import SetRule


def members(rule: SetRule, probabilities: np.ndarray) -> np.ndarray:
    """Return which classes are in the sets, bool (n, classes), from probabilities, float (n, classes).

    A set is never empty: the most likely class is always in it, which only makes it right more often.
    """
    inside = probabilities >= np.array(rule.thresholds)
    inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
    return np.asarray(inside)
