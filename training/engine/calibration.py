"""Calibrate probabilities: fit a temperature for the logits on validation images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from model.datasets.resized import own_images
from model.datasets.splits import Split
from model.signature.outputs import softmax
from model.signature.shapes import InputShape
from training.engine.augmentation import compress_some
from training.recipes.recipe import AugmentationSettings

_BATCH_SIZE = 256  # images at a time
ADAPTIVE_LAYER = "certainty"  # of the layers for an adaptive temperature
LOGITS = "logits"  # the layer before the softmax; a network without it is not calibrated
MIN_IMAGES = 8000  # with fewer validation images, several JPEG copies of each are used
_GUESSES = tuple(
    float(value) for value in np.geomspace(0.125, 2.0, 9)
)  # of the adaptive temperature, all of which are tried
_MIN_MULTIPLE, _MAX_MULTIPLE = 0.1, 10.0  # limits of the factor of the logits, the inverse of the temperature
# The prior of the multiples is 1 ± 1. It weighs as much as three to six images (measured on best, small and fast): at
# 1,000 images it moves their one temperature by 0.1 to 0.3 %, and the mean of best's adaptive ones by 0.8 %.
_PRIOR_DEVIATION = 1.0


@dataclass(frozen=True)
class RepeatedSplit(Split):
    """Images of which each is there in `copies` versions; the labels repeat in the same way."""

    copies: int = 1


@dataclass(frozen=True)
class AdaptiveTemperature:
    """A temperature for each image by its certainty: the logits are multiplied by start + slope * certainty.

    The certainty is the sum of the squared probabilities of softmax(guess * logits), from 1 / classes to 1.
    """

    guess: float
    start: float
    slope: float

    def multiples(self, logits: np.ndarray) -> np.ndarray:
        """Return the factors, float (n,), for logits (n, classes)."""
        scaled: np.ndarray = self.start + self.slope * _certainty(self.guess * logits)
        return scaled


def _certainty(logits: np.ndarray) -> np.ndarray:
    total: np.ndarray = np.square(softmax(logits)).sum(axis=1)
    return total


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean negative log likelihood.

    Args:
        logits: float (n, classes).
        labels: int (n,).
    """
    peak = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - peak).sum(axis=1)) + peak[:, 0]
    return float(np.mean(total - logits[np.arange(len(labels)), labels]))


def fit_multiples(parts: np.ndarray, labels: np.ndarray, copies: int = 1) -> tuple[np.ndarray, float]:
    """Fit the multiples with which the sum of the parts as logits makes the labels most likely.

    The multiples have a normal prior with mean 1, 0, … and standard deviation _PRIOR_DEVIATION (ridge regression, S. le
    Cessie and J. C. van Houwelingen, Applied Statistics 41(1), 1992): on separable data the optimum would diverge, and
    the prior keeps it finite. The problem is convex; it is solved by Newton's method with halved steps.

    Args:
        parts: float (n, k, classes).
        labels: int (n,).
        copies: How many of the n images are copies of the same image; n / copies of them count.

    Returns:
        The multiples, float (k,), and the mean loss they reach.
    """
    expected = np.eye(parts.shape[1])[0]
    pull = copies / len(labels) / _PRIOR_DEVIATION**2
    own = parts[np.arange(len(labels)), :, labels]

    def loss_of(multiples: np.ndarray) -> float:
        unlikely = negative_log_likelihood(np.einsum("nkc,k->nc", parts, multiples), labels)
        return unlikely + pull / 2 * float(np.square(multiples - expected).sum())

    multiples, loss = expected, loss_of(expected)
    for _ in range(100):
        probabilities = softmax(np.einsum("nkc,k->nc", parts, multiples))
        means = np.einsum("nkc,nc->nk", parts, probabilities)
        gradient = (means - own).mean(axis=0) + pull * (multiples - expected)
        spread = np.einsum("nkc,njc,nc->kj", parts, parts, probabilities) - means.T @ means
        # Least squares, because the matrix may be singular: huge logits outweigh the prior, and parts may be collinear.
        step = np.linalg.lstsq(spread / len(labels) + pull * np.eye(len(multiples)), gradient)[0]
        for _ in range(30):
            tried = loss_of(multiples - step)
            if tried <= loss:
                break
            step = step / 2
        if loss - tried < 1e-9:
            break
        multiples, loss = multiples - step, tried
    return multiples, loss


def fit_temperature(logits: np.ndarray, labels: np.ndarray, copies: int = 1) -> float:
    """Return the temperature, 0.1 to 10, that makes the labels most likely.

    C. Guo et al., arXiv 1706.04599, section 4.2. A few images move it only a little from 1.

    Args:
        logits: float (n, classes), at temperature 1.
        labels: int (n,).
        copies: As in `fit_multiples`.
    """
    multiples, _ = fit_multiples(logits[:, None].astype(np.float64), labels, copies)
    return 1 / float(np.clip(multiples[0], _MIN_MULTIPLE, _MAX_MULTIPLE))


def fit_adaptive_temperature(logits: np.ndarray, labels: np.ndarray, copies: int = 1) -> AdaptiveTemperature | None:
    """Return the adaptive temperature that makes the labels most likely; None if it would change an order.

    One temperature cannot correct a network that is too sure of its doubtful answers and not sure enough of its certain
    ones, as label smoothing makes them (S. A. Balanya et al., arXiv 2208.00461). On 10,000 test pictures the
    calibration error of best falls by it from 2.14 to 1.26 % (by 0.46 to 0.99 points, 95 % interval) and the negative
    log likelihood from 0.2504 to 0.2489; small gains 0.23 points, which is within chance, and fast nothing: `python -m
    benchmarks.calibration` prints it.

    Args:
        logits: float (n, classes), at temperature 1.
        labels: int (n,).
        copies: As in `fit_multiples`.
    """
    logits = logits.astype(np.float64)
    found: list[tuple[float, AdaptiveTemperature]] = []
    for guess in _GUESSES:
        parts = np.stack([logits, _certainty(guess * logits)[:, None] * logits], axis=1)
        multiples, loss = fit_multiples(parts, labels, copies)
        start, slope = map(float, multiples)
        if (
            min(start + slope / logits.shape[1], start + slope) >= _MIN_MULTIPLE
            and max(start, start + slope) <= _MAX_MULTIPLE
        ):
            found.append((loss, AdaptiveTemperature(guess, start, slope)))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def with_jpeg_copies(validation: Split, augmentation: AugmentationSettings, seed: int) -> Split:
    """Return the validation images as a network trained for JPEG meets them: each compressed, once or more often.

    JPEG at 32x32 costs a few points of accuracy: probabilities fitted on lossless images alone would promise more than
    holds for people's pictures. Copies of several qualities make a few images tell more. They are no more images for
    that, so the split says how many copies there are.

    Args:
        validation: The validation images.
        augmentation: The augmentation of the training.
        seed: Decides the qualities.
    """
    if not augmentation.jpeg or not len(validation):
        return validation
    copies = int(np.clip(MIN_IMAGES // len(validation), 1, 8))
    rngs = (np.random.default_rng((seed, copy)) for copy in range(copies))
    images = [compress_some(own_images(validation.images), 1.0, augmentation.jpeg_quality, rng) for rng in rngs]
    stored = RepeatedSplit(np.concatenate(images), np.tile(validation.labels, copies), copies=copies)
    return stored.at_size(InputShape(*validation.images.shape[1:]))


def calibrate(network: keras.Model, validation: Split, kind: str = "temperature") -> tuple[keras.Model, float]:
    """Build the best temperature into a network.

    The predicted classes stay the same, only the probabilities change. Nothing changes if some logits are not finite.

    Args:
        network: The network.
        validation: The validation images.
        kind: `temperature`, which divides the weights of the logits, or `adaptive`, which adds a few layers after
            them.

    Returns:
        The network, and the temperature, which for `adaptive` is the mean over the images.
    """
    if len(validation) == 0 or LOGITS not in {layer.name for layer in network.layers}:
        return network, 1.0
    layer = network.get_layer(LOGITS)
    logits = _predict_logits(keras.Model(network.input, layer.output), validation.images)
    if not np.isfinite(logits).all():
        return network, 1.0
    copies = validation.copies if isinstance(validation, RepeatedSplit) else 1
    adaptive = fit_adaptive_temperature(logits, validation.labels, copies) if kind == "adaptive" else None
    if adaptive is not None:
        temperature = float(np.mean(1 / adaptive.multiples(logits)))
        return add_adaptive_temperature(network, layer.output, adaptive), temperature
    temperature = fit_temperature(logits, validation.labels, copies)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return network, temperature


def _predict_logits(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return a network's output for images, float32 (n, classes), computed in batches."""
    starts = range(0, len(images), _BATCH_SIZE)
    return np.concatenate([network.predict_on_batch(images[start : start + _BATCH_SIZE]) for start in starts])


def add_adaptive_temperature(network: keras.Model, logits: Any, adaptive: AdaptiveTemperature) -> keras.Model:
    """Insert layers between a network's logits and its probabilities that multiply the logits by the certainty."""
    from keras import layers

    guess = layers.Rescaling(adaptive.guess, name="guess_scale")(logits)
    guess = layers.Activation("softmax", name="guess")(guess)
    squares = layers.Multiply(name="guess_squared")([guess, guess])
    certain = layers.Dense(
        1,
        kernel_initializer=keras.initializers.Constant(adaptive.slope),
        bias_initializer=keras.initializers.Constant(adaptive.start),
        name=ADAPTIVE_LAYER,
    )(squares)
    calibrated = layers.Multiply(name="calibrated_logits")([logits, certain])
    outputs = layers.Activation("softmax", dtype="float32", name="probabilities")(calibrated)
    return keras.Model(network.input, outputs, name=network.name)
