"""The frozen network whose features a head is taught on."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from model.common.extras import require
from model.common.keras_import import import_keras
from model.registry.card import read_card
from model.registry.resolution import find_bundle
from model.signature.scaling import compile_function
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

NAME = "imagenet"  # of the bundle
# At 224 pixels, five-fold cross-validation on 826 photographs of 94 kinds is right on 82.7 %; at 160 pixels, where a
# pass has half as many operations, on 79.4 %.
SIZE = 224


class Backbone:
    """A network up to its features.

    Args:
        network: The Keras network, uint8 (n, SIZE, SIZE, 3) in and float32 (n, features) out, frozen.
        key: Identifies the network, so that features of different ones are not mixed up.
    """

    def __init__(self, network: keras.Model, key: str) -> None:
        self.network, self.key = network, key
        shape = InputShape(SIZE, SIZE, 3)
        # A single picture, as from a camera, has a graph of its own whose shapes are all known.
        self.one, self.many = (compile_function(network, shape, batch=batch) for batch in (1, None))
        self.features(np.zeros((2, *shape), np.uint8))  # traced now, so that two who ask at once do not both trace it
        self.features(np.zeros((1, *shape), np.uint8))

    def features(self, images: np.ndarray) -> np.ndarray:
        """Return the features, float32 (n, features), of pictures, uint8 (n, SIZE, SIZE, 3)."""
        return np.asarray(self.one(images) if len(images) == 1 else self.many(images))


@cache
def load_backbone() -> Backbone:
    """Load the backbone that ships, once a process.

    Raises:
        NotInstalled: Keras is not there.
        BundleError: The bundle is damaged.
    """
    require("keras")
    import_keras()
    import keras

    from model.networks.backbones import features_tensor, freeze, load_bundle_network

    card = read_card(find_bundle(NAME))
    network = load_bundle_network(NAME, SIZE)
    return Backbone(freeze(keras.Model(network.input, features_tensor(network))), card.sha256[:16])
