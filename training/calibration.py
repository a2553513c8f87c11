"""Probabilities that mean what they say: one temperature for the logits, read from validation pictures."""

from __future__ import annotations

import keras
import numpy as np

from model.data import Split
from training.augmentation import compress
from training.recipe import AugmentationSettings

LOGITS = "logits"  # the layer before the softmax; a network without one is left as it is


def best_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, 0.1 to 10, that makes the labels most likely (C. Guo et al., arXiv 1706.04599, section 4.2).

    probabilities: float (n, classes) at temperature 1; labels: int (n,).
    """
    logits = np.log(np.clip(probabilities.astype(np.float64), 1e-12, 1.0))
    temperatures = np.geomspace(0.1, 10.0, 401)
    return float(temperatures[np.argmin([negative_log_likelihood(logits / value, labels) for value in temperatures])])


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    peak = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - peak).sum(axis=1)) + peak[:, 0]
    return float(np.mean(total - logits[np.arange(len(labels)), labels]))


def stored_as_trained(validation: Split, augmentation: AugmentationSettings, seed: int) -> Split:
    """The validation pictures as a network meets them that is trained for JPEG: each through it once.

    JPEG at 32x32 takes a few points of accuracy; probabilities read from lossless pictures alone would promise more
    than holds for the pictures people have.
    """
    if not augmentation.jpeg:
        return validation
    rng = np.random.default_rng(seed)
    return Split(compress(validation.images, 1.0, augmentation.jpeg_quality, rng), validation.labels)


def calibrate(network: keras.Model, validation: Split) -> float:
    """Divide the network's logits by the best temperature, inside its weights; returns it.

    No answer changes, only how sure it is.
    """
    if len(validation) == 0 or LOGITS not in {layer.name for layer in network.layers}:
        return 1.0
    probabilities = network.predict(validation.images, batch_size=256, verbose=0)
    temperature = best_temperature(probabilities, validation.labels)
    layer = network.get_layer(LOGITS)
    layer.set_weights([weight / temperature for weight in layer.get_weights()])
    return temperature
