"""What the numbers mean that a network gives for a picture; for networks made elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


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
    "independent probabilities": shares,
}


# What Keras calls the last activation -> which of OUTPUTS its numbers are, one number alone and several.
ACTIVATIONS = {
    "linear": ("one logit", "logits"),
    "sigmoid": ("one probability", "independent probabilities"),
    "softmax": ("", "probabilities"),
}


def kind_of_output(rows: np.ndarray, activation: str = "") -> str:
    """Which of OUTPUTS a network's answers to some pictures, (n, numbers), are: by its last activation, or by looks."""
    if known := ACTIVATIONS.get(activation, ("", ""))[rows.shape[1] > 1]:
        return known
    between = bool(np.all((rows >= -1e-3) & (rows <= 1 + 1e-3)))
    if rows.shape[1] == 1:
        return "one probability" if between else "one logit"
    if not between:
        return "logits"
    # An int8 network's probabilities miss 1 by a few steps of 1/256.
    return "probabilities" if np.allclose(rows.sum(axis=1), 1, atol=0.05) else "independent probabilities"
