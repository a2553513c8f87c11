"""The head that is taught: multinomial logistic regression on a frozen network's features, in NumPy.

Multinomial logistic regression with squared weights in the loss, solved by L-BFGS (D. C. Liu and J. Nocedal,
Mathematical Programming 45, 1989) in the coordinates of the features' principal components, each scaled by how much
the loss bends along it. On 354 photographs of six classes that takes 13 to 49 passes over the features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from model.signature.outputs import softmax

_MEMORY = 10  # pairs of steps and gradients that L-BFGS keeps
_MOST_PASSES = 80
_TOLERANCE = 1e-4  # of the gradient's largest number, for a mean loss
_LEAST_GAIN = 1e-4  # of the loss, in a pass: what comes after moves no answer
_LEAST_VARIANCE = 1e-6  # of the largest component's: smaller ones are rounding


@dataclass(frozen=True)
class Space:
    """Features in the coordinates of their principal components.

    Attributes:
        rows: float32 (n, components), the features less `center`, divided by `scale` and turned by `basis`.
        center: float32 (features,), the mean.
        scale: The root of the mean squared length of the centred features, so that a row is about 1 long.
        basis: float32 (features, components), orthonormal.
        variances: float32 (components,), the mean square of each column of `rows`.
    """

    rows: np.ndarray
    center: np.ndarray
    scale: float
    basis: np.ndarray
    variances: np.ndarray

    def project(self, features: np.ndarray) -> np.ndarray:
        """Return other features, float (m, features), in the same coordinates, float32 (m, components)."""
        return np.asarray((features.astype(np.float32) - self.center) / np.float32(self.scale) @ self.basis)


@dataclass(frozen=True)
class Head:
    """The last layer of a taught network: logits = features @ weights + bias.

    Attributes:
        weights: float32 (features, classes).
        bias: float32 (classes,).
    """

    weights: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits, float32 (n, classes), of features (n, features)."""
        return np.asarray(features.astype(np.float32) @ self.weights + self.bias)

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the probabilities, float32 (n, classes), of features (n, features)."""
        return softmax(self.logits(features))

    def divided(self, temperature: float) -> Head:
        """Return the head with its logits divided by a temperature."""
        return Head(self.weights / np.float32(temperature), self.bias / np.float32(temperature))


def find_space(features: np.ndarray) -> Space:
    """Find the principal components of features, float (n, features); n is 1 or more."""
    center = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    rows = features.astype(np.float32) - center
    scale = float(np.sqrt(np.square(rows, dtype=np.float64).sum() / len(rows))) or 1.0
    rows /= np.float32(scale)
    # The smaller of the two products of the rows with themselves has the same eigenvalues.
    few = len(rows) < rows.shape[1]
    product = (rows @ rows.T if few else rows.T @ rows).astype(np.float64) / len(rows)
    values, vectors = np.linalg.eigh(product)
    kept = values > max(values[-1] * _LEAST_VARIANCE, 1e-12)
    values, vectors = values[kept], vectors[:, kept].astype(np.float32)
    if few:
        vectors = rows.T @ (vectors / np.sqrt(values * len(rows)).astype(np.float32))
    return Space(rows @ vectors, center, scale, vectors, values.astype(np.float32))


def fit_coordinates(
    rows: np.ndarray,
    labels: np.ndarray,
    classes: int,
    penalty: float,
    variances: np.ndarray,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Fit a head in the coordinates of a Space.

    Args:
        rows: float32 (n, components), all of `Space.rows` or some.
        labels: int (n,), below `classes`; a class without rows gets hardly any probability.
        classes: How many there are.
        penalty: What half the sum of the squared weights is multiplied by, beside the sum of the losses.
        variances: Of the Space.
        start: A solution for another penalty to begin at.

    Returns:
        float32 (components + 1, classes): the weights, and the bias as the last row.
    """
    n, components = rows.shape
    strength = penalty / n
    bend = 1 / classes * (1 - 1 / classes) * variances + strength
    scaling = np.append(1 / np.sqrt(bend), 1.0).astype(np.float32)[:, None]
    wanted = np.zeros((n, classes), np.float32)
    wanted[np.arange(n), labels] = 1

    def loss_of(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        weights = scaled.reshape(components + 1, classes) * scaling
        logits = rows @ weights[:-1] + weights[-1]
        logits -= logits.max(axis=1, keepdims=True)
        own = logits[np.arange(n), labels]
        odds = np.exp(logits, out=logits)
        total = odds.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(total[:, 0]) - own, dtype=np.float64))
        loss += strength / 2 * float(np.square(weights[:-1], dtype=np.float64).sum())
        odds /= total
        odds -= wanted
        gradient = np.empty_like(weights)
        gradient[:-1] = rows.T @ odds / np.float32(n) + np.float32(strength) * weights[:-1]
        gradient[-1] = odds.mean(axis=0)
        return loss, (gradient * scaling).ravel()

    first = np.zeros((components + 1, classes), np.float32) if start is None else start / scaling
    return np.asarray(minimize(loss_of, first.ravel()).reshape(components + 1, classes) * scaling)


def minimize(loss_of: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray) -> np.ndarray:
    """Find where a smooth convex function is smallest, by L-BFGS with halved steps.

    Args:
        loss_of: Returns the function's value and its gradient, float32 (k,), at a point.
        start: float32 (k,).
    """
    point, (loss, gradient) = start, loss_of(start)
    pairs: list[tuple[np.ndarray, np.ndarray, float]] = []
    for _pass in range(_MOST_PASSES):
        if np.abs(gradient).max() < _TOLERANCE:
            break
        direction = -_times_inverse(pairs, gradient)
        slope = float(direction @ gradient)
        if slope >= 0:  # rounding has spoilt the pairs
            pairs, direction = [], -gradient
            slope = float(direction @ gradient)
        length = 1.0 if pairs else min(1.0, 1 / float(np.abs(gradient).sum()))
        for _half in range(25):
            tried = point + np.float32(length) * direction
            new_loss, new_gradient = loss_of(tried)
            if new_loss <= loss + 1e-4 * length * slope:
                break
            length /= 2
        else:
            break  # as small as float32 can tell
        step, change = tried - point, new_gradient - gradient
        curvature = float(step @ change)
        if curvature > 1e-10 * float(change @ change):
            pairs = [*pairs[1 - _MEMORY :], (step, change, curvature)]
        gain, point, loss, gradient = loss - new_loss, tried, new_loss, new_gradient
        if gain < _LEAST_GAIN * loss:
            break
    return point


def _times_inverse(pairs: list[tuple[np.ndarray, np.ndarray, float]], gradient: np.ndarray) -> np.ndarray:
    """Multiply a gradient by L-BFGS's estimate of the inverse of the second derivatives (its two-loop recursion)."""
    result, factors = gradient.copy(), []
    for step, change, curvature in reversed(pairs):
        factor = np.float32(float(step @ result) / curvature)
        factors.append(factor)
        result -= factor * change
    if pairs:
        _step, change, curvature = pairs[-1]
        result *= np.float32(curvature / float(change @ change))
    for (step, change, curvature), factor in zip(pairs, reversed(factors), strict=True):
        result += (factor - np.float32(float(change @ result) / curvature)) * step
    return result


def head_of(space: Space, solution: np.ndarray) -> Head:
    """Turn a solution of `fit_coordinates` back into a head on the features themselves."""
    weights = space.basis @ solution[:-1] / np.float32(space.scale)
    return Head(weights, np.asarray(solution[-1] - space.center @ weights, np.float32))
