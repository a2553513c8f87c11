"""Find the pixel scaling by comparing batch-norm statistics with those of sample pictures."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from model.formats.graph import nodes_of
from model.i18n.translations import gettext as _
from model.images.samples import first_of_each_class, list_samples
from model.intake.keras_preprocessing import ImageFunction, input_function, partial_network
from model.intake.scaling_evidence import SIMILAR, Finding
from model.signature.scaling import GUESSED, SCALINGS, TRIED, scale_images
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

_MAX_LAYERS = 3  # the first layers are compared, where the scaling shows
_MAX_DISTANCE = 3.0  # cap on the distance of one channel, for channels that are constant
_MAX_BEST_DISTANCE = 0.7  # between the statistics and the best scaling
_MIN_LEAD = 0.08  # over the second-best scaling; less makes it a guess


def scaling_from_statistics(network: keras.Model, shape: InputShape) -> Finding | None:
    """Return the scaling with which photographs reproduce the network's batch-norm statistics; None if none does.

    It counts as a guess if another scaling does about as well. `shape`: the network's input shape.
    """
    layers = list(islice(_batch_norm_layers(network, input_function(network)), _MAX_LAYERS))
    if not layers:
        return None
    pictures = np.stack([sample.pixels(shape) for sample in first_of_each_class(list_samples())])
    distances = {}
    for name, scaling in SCALINGS.items():
        numbers = scale_images(pictures, scaling)
        distances[name] = float(np.mean([_distance(apply(numbers), layer) for apply, layer in layers]))
    best = min(distances, key=distances.__getitem__)
    rival = min(other for name, other in distances.items() if name != best and not {name, best} <= SIMILAR)
    if distances[best] > _MAX_BEST_DISTANCE:
        return None
    why = _("as {best} the sample pictures give its normalisation the numbers that it remembers from training")
    return Finding(best, TRIED if rival >= distances[best] + _MIN_LEAD else GUESSED, why.format(best=best))


def _batch_norm_layers(network: keras.Model, before: ImageFunction) -> Iterator[tuple[ImageFunction, Any]]:
    """Yield each trained batch-norm layer with the function from pictures to its input."""
    import keras

    for node in nodes_of(network):
        inner = node.operation
        if isinstance(inner, keras.layers.BatchNormalization):
            if not _is_untrained(inner):
                yield partial_network(network, node.input_tensors[0], before), inner
        elif isinstance(inner, keras.Model):
            yield from _batch_norm_layers(inner, partial_network(network, node.input_tensors[0], before))


def _is_untrained(layer: Any) -> bool:
    return bool(np.allclose(layer.moving_mean, 0) and np.allclose(layer.moving_variance, 1))


def _distance(given: np.ndarray, layer: Any) -> float:
    """Return how far a layer's input, (n, height, width, channels), is from its statistics; 0 if equal."""
    mean, std = np.asarray(layer.moving_mean, np.float64), np.sqrt(np.maximum(layer.moving_variance, 1e-12))
    axes = tuple(range(given.ndim - 1))
    with np.errstate(all="ignore"):
        seen_mean, seen_std = given.mean(axis=axes), np.maximum(given.std(axis=axes), 1e-6)
        apart = np.abs(np.log(seen_std / std)) + np.abs(seen_mean - mean) / np.maximum(seen_std, std) / 2
    return float(np.mean(np.nan_to_num(np.minimum(apart, _MAX_DISTANCE), nan=_MAX_DISTANCE)))
