"""What the numbers mean that a network gives for a picture; for networks made elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

INDEPENDENT = "independent probabilities"  # one for each class, which do not exclude each other


def softmax(rows: np.ndarray) -> np.ndarray:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def both(rows: np.ndarray) -> np.ndarray:
    """The probability of the second of two classes, (n, 1), as the probabilities of both, (n, 2)."""
    return np.concatenate([1 - rows, rows], axis=1)


def shares(rows: np.ndarray) -> np.ndarray:
    """Each class's own 0 to 1 as shares of their sum; all equal where every class says 0."""
    rows = rows + 1e-9
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


# What a network's row of numbers is -> how it becomes probabilities, float (n, classes).
OUTPUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "probabilities": lambda rows: rows,
    "logits": softmax,
    "one probability": both,
    "one logit": lambda rows: both(1 / (1 + np.exp(-np.clip(rows, -60, 60)))),
    INDEPENDENT: lambda rows: np.clip(rows, 0, 1),
}


# What Keras calls the last activation -> which of OUTPUTS its numbers are, one number alone and several.
ACTIVATIONS = {
    "linear": ("one logit", "logits"),
    "sigmoid": ("one probability", INDEPENDENT),
    "softmax": ("", "probabilities"),
}


MISS = 0.005  # by how much probabilities in floating point may miss 1 together, those of half precision included


def kind_of_output(rows: np.ndarray, activation: str = "", miss: float = MISS) -> str:
    """Which of OUTPUTS a network's answers to some pictures, (n, numbers), are: by its last activation, or by looks.

    miss: by how much the probabilities of classes that exclude each other may miss 1.
    """
    if known := ACTIVATIONS.get(activation, ("", ""))[rows.shape[1] > 1]:
        return known
    between = bool(np.all((rows >= -1e-3) & (rows <= 1 + 1e-3)))
    if rows.shape[1] == 1:
        return "one probability" if between else "one logit"
    if not between:
        return "logits"
    return "probabilities" if np.allclose(rows.sum(axis=1), 1, rtol=0, atol=miss) else INDEPENDENT


def quantised_miss(step: float, numbers: int) -> float:
    """The same of a quantised network: its probabilities are rounded to whole steps each."""
    return min(0.5, max(0.05, step * numbers / 2))
