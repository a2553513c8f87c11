"""What the numbers mean that a network returns for an image, for networks made elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

INDEPENDENT = "independent probabilities"  # a probability for each class; the classes do not exclude each other


def softmax(rows: np.ndarray) -> np.ndarray:
    """Return the softmax of each row of logits, float (n, classes)."""
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def with_complement(rows: np.ndarray) -> np.ndarray:
    """Return the probabilities of both classes (n, 2), given that of the second (n, 1)."""
    return np.concatenate([1 - rows, rows], axis=1)


def divide_by_sum(rows: np.ndarray) -> np.ndarray:
    """Return the values of each row, 0 to 1, divided by their sum; all equal if all are 0."""
    rows = rows + 1e-9
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


# What a network's row is -> how it becomes probabilities, float (n, classes).
OUTPUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "probabilities": lambda rows: rows,
    "logits": softmax,
    "one probability": with_complement,
    "one logit": lambda rows: with_complement(1 / (1 + np.exp(-np.clip(rows, -60, 60)))),
    INDEPENDENT: lambda rows: np.clip(rows, 0, 1),
}


# The last activation in Keras -> which of OUTPUTS a row of one number is, and a row of several.
_ACTIVATIONS = {
    "linear": ("one logit", "logits"),
    "sigmoid": ("one probability", INDEPENDENT),
    "softmax": ("", "probabilities"),
}


SUM_TOLERANCE = 0.005  # how far from 1 the sum of probabilities may be, in half precision too


def detect_output(rows: np.ndarray, activation: str = "", tolerance: float = SUM_TOLERANCE) -> str:
    """Return which of OUTPUTS a network's rows are, by its last activation, or by their values.

    Args:
        rows: The network's outputs for some images, (n, numbers).
        activation: The name of the last activation in Keras, if known.
        tolerance: How far from 1 the sum of the probabilities of exclusive classes may be.
    """
    if known := _ACTIVATIONS.get(activation, ("", ""))[rows.shape[1] > 1]:
        return known
    between = bool(np.all((rows >= -1e-3) & (rows <= 1 + 1e-3)))
    if rows.shape[1] == 1:
        return "one probability" if between else "one logit"
    if not between:
        return "logits"
    return "probabilities" if np.allclose(rows.sum(axis=1), 1, rtol=0, atol=tolerance) else INDEPENDENT


def quantized_sum_tolerance(step: float, numbers: int) -> float:
    """Return the tolerance for a quantized network, whose probabilities are rounded.

    Args:
        step: The distance between two quantized values.
        numbers: How many probabilities there are.
    """
    return min(0.5, max(0.05, step * numbers / 2))
