"""Probabilities that mean what they say: a temperature for the logits, read from validation pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from model.datasets.resized import own_images
from model.datasets.splits import Split
from model.signature.outputs import softmax
from model.signature.shapes import InputShape
from training.engine.augmentation import compress
from training.recipes.recipe import AugmentationSettings

BATCH = 256  # pictures a pass
LOGITS = "logits"  # the layer before the softmax; a network without one is left as it is
PICTURES = 8000  # about as many answers decide; fewer validation pictures are asked in several JPEG copies
GUESSES = tuple(float(value) for value in np.geomspace(0.125, 2.0, 9))  # of the adaptive temperature, tried in turn
LOWEST, HIGHEST = 0.1, 10.0  # of the multiple of the logits, the inverse of the temperature
# Before any picture says otherwise the logits are expected to be right, give or take as much again: multiples 1 +- 1.
# That weighs as much as three to six pictures do (measured on best, small and fast): at 1,000 pictures their one
# temperature moves by 0.1 to 0.3 %, and the mean of best's adaptive ones by 0.8 %.
DEVIATION = 1.0


@dataclass(frozen=True)
class Stored(Split):
    """Pictures of which each comes in `copies` versions; the labels repeat likewise."""

    copies: int = 1


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


def best_multiples(parts: np.ndarray, labels: np.ndarray, copies: int = 1) -> tuple[np.ndarray, float]:
    """The multiples, float (k,), with which the sum of the parts (n, k, classes) as logits makes the labels likeliest.

    The multiples are expected at 1, 0, … with a normal deviation of DEVIATION (ridge regression, S. le Cessie and
    J. C. van Houwelingen, Applied Statistics 41(1), 1992): without that, pictures that are all answered right would
    call for endless multiples. copies: how often each picture is among the n, so that n / copies of them count.
    Returns the loss that they reach too, a picture's mean. Newton's method with halved steps; the problem is convex.
    """
    expected = np.eye(parts.shape[1])[0]
    pull = copies / len(labels) / DEVIATION**2
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
        # Least squares: beside huge logits the pull is nothing, and parts that are multiples of each other are singular
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


def best_temperature(logits: np.ndarray, labels: np.ndarray, copies: int = 1) -> float:
    """The temperature, 0.1 to 10, that makes the labels most likely (C. Guo et al., arXiv 1706.04599, section 4.2).

    logits: float (n, classes) at temperature 1; labels: int (n,); copies: as `best_multiples` has them. Few pictures
    move it little from 1.
    """
    multiples, _ = best_multiples(logits[:, None].astype(np.float64), labels, copies)
    return 1 / float(np.clip(multiples[0], LOWEST, HIGHEST))


def best_adaptive(logits: np.ndarray, labels: np.ndarray, copies: int = 1) -> Adaptive | None:
    """The adaptive temperature that makes the labels most likely; None where it would turn an order round.

    A network that is too sure of its doubtful answers and not sure enough of its certain ones, as label smoothing
    makes them, is not mended by one temperature (S. A. Balanya et al., arXiv 2208.00461). On 10,000 test pictures
    the calibration error of best falls by it from 2.14 to 1.26 % (by 0.46 to 0.99 points, 95 % interval) and the
    negative log likelihood from 0.2504 to 0.2489; small gains 0.23 points, which is within chance, and fast nothing:
    `python -m benchmarks.calibration` prints it. The arguments are those of `best_temperature`.
    """
    logits = logits.astype(np.float64)
    found: list[tuple[float, Adaptive]] = []
    for guess in GUESSES:
        parts = np.stack([logits, certainty(guess * logits)[:, None] * logits], axis=1)
        multiples, loss = best_multiples(parts, labels, copies)
        start, slope = map(float, multiples)
        if min(start + slope / logits.shape[1], start + slope) >= LOWEST and max(start, start + slope) <= HIGHEST:
            found.append((loss, Adaptive(guess, start, slope)))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def stored_as_trained(validation: Split, augmentation: AugmentationSettings, seed: int) -> Split:
    """The validation pictures as a network meets them that is trained for JPEG: each through it, once or more often.

    JPEG at 32x32 takes a few points of accuracy; probabilities read from lossless pictures alone would promise more
    than holds for the pictures people have. Copies of other qualities take chance out of what few pictures say; they
    make no more pictures of them, so the split says how many there are of each.
    """
    if not augmentation.jpeg or not len(validation):
        return validation
    copies = int(np.clip(PICTURES // len(validation), 1, 8))
    rngs = (np.random.default_rng((seed, copy)) for copy in range(copies))
    images = [compress(own_images(validation.images), 1.0, augmentation.jpeg_quality, rng) for rng in rngs]
    stored = Stored(np.concatenate(images), np.tile(validation.labels, copies), copies=copies)
    return stored.at_size(InputShape(*validation.images.shape[1:]))


def calibrate(network: keras.Model, validation: Split, kind: str = "temperature") -> tuple[keras.Model, float]:
    """The network with the best temperature inside, and that temperature.

    kind: `temperature`, one for all, divides the weights of the logits; `adaptive` adds a few layers after them, and
    the temperature returned is the mean over the pictures. No answer changes, only how sure it is; nothing does where
    some logits are no finite numbers.
    """
    if len(validation) == 0 or LOGITS not in {layer.name for layer in network.layers}:
        return network, 1.0
    layer = network.get_layer(LOGITS)
    logits = logits_of(keras.Model(network.input, layer.output), validation.images)
    if not np.isfinite(logits).all():
        return network, 1.0
    copies = validation.copies if isinstance(validation, Stored) else 1
    adaptive = best_adaptive(logits, validation.labels, copies) if kind == "adaptive" else None
    if adaptive is not None:
        temperature = float(np.mean(1 / adaptive.multiples(logits)))
        return with_adaptive(network, layer.output, adaptive), temperature
    temperature = best_temperature(logits, validation.labels, copies)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return network, temperature


def logits_of(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """What a network gives for pictures, float32 (n, classes); so many at a time that few are held at its size."""
    starts = range(0, len(images), BATCH)
    return np.concatenate([network.predict_on_batch(images[start : start + BATCH]) for start in starts])


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
