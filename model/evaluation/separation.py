"""How well a score tells pictures of a network's classes from others: the figures of OpenOOD (arXiv 2306.09301)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KEPT = 0.95  # of the known pictures, where false positives are counted


@dataclass(frozen=True)
class Separation:
    """auroc: how often a picture of the classes has the higher score of two, a tie being half of that.

    false_positives: the share of the other pictures that pass where 95 % of those of the classes do; known, others: how
    many pictures there are of each.
    """

    auroc: float
    false_positives: float
    known: int
    others: int


def separate(known: np.ndarray, others: np.ndarray) -> Separation:
    """The figures of two sets of scores, float (n,) and (m,), neither empty; higher is more known."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, known, "left") + np.searchsorted(ordered, known, "right")
    passing = others >= np.quantile(known, 1 - KEPT)
    auroc = float(below.sum() / 2 / len(known) / len(others))
    return Separation(auroc, float(passing.mean()), len(known), len(others))
