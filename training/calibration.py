"""Probabilities that mean what they say: a temperature for the logits, read from validation pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from model.outputs import softmax
from model.splits import Split
from training.augmentation import compress
from training.recipe import AugmentationSettings

LOGITS = "logits"  # the layer before the softmax; a network without one is left as it is
PICTURES = 8000  # about as many answers decide; fewer validation pictures are asked in several JPEG copies
GUESSES = tuple(float(value) for value in np.geomspace(0.125, 2.0, 9))  # of the adaptive temperature, tried in turn
LOWEST, HIGHEST = 0.1, 10.0  # of the multiple of the logits, the inverse of the temperature


@dataclass(frozen=True)
class Adaptive:
    """A temperature for each picture by its own certainty: the logits are multiplied by start + slope * certainty.

    certainty: the sum of the squared probabilities that softmax(guess * logits) gives, 1 / classes to 1.
    """

    guess: float
    start: float
    slope: float

    def multiples(self, logits: np.ndarray) -> np.ndarray:
        """What multiplies the logits (n, classes) of each picture, float (n,)."""
        scaled: np.ndarray = self.start + self.slope * certainty(self.guess * logits)
        return scaled


def certainty(logits: np.ndarray) -> np.ndarray:
    total: np.ndarray = np.square(softmax(logits)).sum(axis=1)
    return total


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over pictures; logits: float (n, classes), labels: int (n,)."""
    peak = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - peak).sum(axis=1)) + peak[:, 0]
    return float(np.mean(total - logits[np.arange(len(labels)), labels]))


def best_multiples(parts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The multiples, float (k,), with which the sum of the parts (n, k, classes) as logits makes the labels likeliest.

    Newton's method with halved steps; the problem is convex.
    """
    multiples = np.zeros(parts.shape[1])
    multiples[0] = 1.0
    own = parts[np.arange(len(labels)), :, labels]
    loss = negative_log_likelihood(np.einsum("nkc,k->nc", parts, multiples), labels)
    for _ in range(100):
        probabilities = softmax(np.einsum("nkc,k->nc", parts, multiples))
        means = np.einsum("nkc,nc->nk", parts, probabilities)
        gradient = (means - own).mean(axis=0)
        spread = np.einsum("nkc,njc,nc->kj", parts, parts, probabilities) - means.T @ means
        step = np.linalg.solve(spread / len(labels) + 1e-9 * np.eye(len(multiples)), gradient)
        for _ in range(30):
            tried = negative_log_likelihood(np.einsum("nkc,k->nc", parts, multiples - step), labels)
            if tried <= loss:
                break
            step = step / 2
        gained, loss = loss - tried, min(tried, loss)
        if gained < 1e-9 or np.abs(multiples).max() > 10 * HIGHEST:
            break
        multiples = multiples - step
    return multiples


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, 0.1 to 10, that makes the labels most likely (C. Guo et al., arXiv 1706.04599, section 4.2).

    logits: float (n, classes) at temperature 1; labels: int (n,).
    """
    multiple = best_multiples(logits[:, None].astype(np.float64), labels)[0]
    return 1 / float(np.clip(multiple, LOWEST, HIGHEST))


def best_adaptive(logits: np.ndarray, labels: np.ndarray) -> Adaptive | None:
    """The adaptive temperature that makes the labels most likely; None where it would turn an order round.

    A network that is too sure of its doubtful answers and not sure enough of its certain ones, as label smoothing
    makes them, is not mended by one temperature (S. A. Balanya et al., arXiv 2208.00461).
    """
    logits = logits.astype(np.float64)
    found: list[tuple[float, Adaptive]] = []
    for guess in GUESSES:
        parts = np.stack([logits, certainty(guess * logits)[:, None] * logits], axis=1)
        start, slope = map(float, best_multiples(parts, labels))
        if min(start + slope / logits.shape[1], start + slope) >= LOWEST and max(start, start + slope) <= HIGHEST:
            loss = negative_log_likelihood(np.einsum("nkc,k->nc", parts, np.array([start, slope])), labels)
            found.append((loss, Adaptive(guess, start, slope)))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def stored_as_trained(validation: Split, augmentation: AugmentationSettings, seed: int) -> Split:
    """The validation pictures as a network meets them that is trained for JPEG: each through it, once or more often.

    JPEG at 32x32 takes a few points of accuracy; probabilities read from lossless pictures alone would promise more
    than holds for the pictures people have. Copies of other qualities take chance out of what few pictures say.
    """
    if not augmentation.jpeg or not len(validation):
        return validation
    copies = int(np.clip(PICTURES // len(validation), 1, 8))
    rngs = (np.random.default_rng((seed, copy)) for copy in range(copies))
    images = [compress(validation.images, 1.0, augmentation.jpeg_quality, rng) for rng in rngs]
    return Split(np.concatenate(images), np.tile(validation.labels, copies))


def calibrate(network: keras.Model, validation: Split, kind: str = "temperature") -> tuple[keras.Model, float]:
    """The network with the best temperature inside, and that temperature.

    kind: `temperature`, one for all, divides the weights of the logits; `adaptive` adds a few layers after them, and
    the temperature returned is the mean over the pictures. No answer changes, only how sure it is.
    """
    if len(validation) == 0 or LOGITS not in {layer.name for layer in network.layers}:
        return network, 1.0
    layer = network.get_layer(LOGITS)
    logits = keras.Model(network.input, layer.output).predict(validation.images, batch_size=256, verbose=0)
    adaptive = best_adaptive(logits, validation.labels) if kind == "adaptive" else None
    if adaptive is not None:
        temperature = float(np.mean(1 / adaptive.multiples(logits)))
        return with_adaptive(network, layer.output, adaptive), temperature
    temperature = best_temperature(logits, validation.labels)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return network, temperature


def with_adaptive(network: keras.Model, logits: Any, adaptive: Adaptive) -> keras.Model:
    """The network with layers between its logits and its probabilities that multiply them by the certainty."""
    from keras import layers

    guess = layers.Rescaling(adaptive.guess, name="guess_scale")(logits)
    guess = layers.Activation("softmax", name="guess")(guess)
    squares = layers.Multiply(name="guess_squared")([guess, guess])
    certain = layers.Dense(
        1,
        kernel_initializer=keras.initializers.Constant(adaptive.slope),
        bias_initializer=keras.initializers.Constant(adaptive.start),
        name="certainty",
    )(squares)
    calibrated = layers.Multiply(name="calibrated_logits")([logits, certain])
    outputs = layers.Activation("softmax", dtype="float32", name="probabilities")(calibrated)
    return keras.Model(network.input, outputs, name=network.name)
