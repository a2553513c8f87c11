"""The numbers that a network's batch normalisation remembers from training, against those that sample pictures give."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from model.i18n.translations import gettext as _
from model.images.samples import first_of_each_class, list_samples
from model.intake.keras_preprocessing import Apply, first_of, nodes_of, part_of
from model.intake.scaling_evidence import ALIKE, Finding
from model.signature.scaling import GUESSED, SCALINGS, TRIED, as_numbers
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

MOST = 3  # layers that are compared, the first ones: what a pixel is worth shows there
FARTHEST = 3.0  # a channel that says always the same is no farther away than this
NEAR = 0.7  # how far away the best convention may be
CLEAR = 0.08  # how much farther the next one must be, or else it is a guess


def by_memory(network: keras.Model, shape: InputShape) -> Finding | None:
    """The convention under which photographs give a network what it saw in training; None where none does.

    shape: that of the pictures. It is a guess where another one does about as well.
    """
    layers = list(islice(normalisers(network, first_of(network)), MOST))
    if not layers:
        return None
    pictures = np.stack([sample.pixels(shape) for sample in first_of_each_class(list_samples())])
    distances = {}
    for name, scaling in SCALINGS.items():
        numbers = as_numbers(pictures, scaling)
        distances[name] = float(np.mean([distance(apply(numbers), layer) for apply, layer in layers]))
    best = min(distances, key=distances.__getitem__)
    rival = min(other for name, other in distances.items() if name != best and not {name, best} <= ALIKE)
    if distances[best] > NEAR:
        return None
    why = _("as {best} the sample pictures give its normalisation the numbers that it remembers from training")
    return Finding(best, TRIED if rival >= distances[best] + CLEAR else GUESSED, why.format(best=best))


def normalisers(network: keras.Model, before: Apply) -> Iterator[tuple[Apply, Any]]:
    """The layers of batch normalisation that remember something, each with the way from pictures to it."""
    import keras

    for node in nodes_of(network):
        inner = node.operation
        if isinstance(inner, keras.layers.BatchNormalization):
            if not is_untrained(inner):
                yield part_of(network, node.input_tensors[0], before), inner
        elif isinstance(inner, keras.Model):
            yield from normalisers(inner, part_of(network, node.input_tensors[0], before))


def is_untrained(layer: Any) -> bool:
    return bool(np.allclose(layer.moving_mean, 0) and np.allclose(layer.moving_variance, 1))


def distance(given: np.ndarray, layer: Any) -> float:
    """How far what a layer is given, (n, height, width, channels), is from what it remembers; 0 for the same."""
    mean, std = np.asarray(layer.moving_mean, np.float64), np.sqrt(np.maximum(layer.moving_variance, 1e-12))
    axes = tuple(range(given.ndim - 1))
    with np.errstate(all="ignore"):
        seen_mean, seen_std = given.mean(axis=axes), np.maximum(given.std(axis=axes), 1e-6)
        apart = np.abs(np.log(seen_std / std)) + np.abs(seen_mean - mean) / np.maximum(seen_std, std) / 2
    return float(np.mean(np.nan_to_num(np.minimum(apart, FARTHEST), nan=FARTHEST)))
