"""Networks for grey and for oblong pictures, made by hand, and pictures that they tell apart."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
from keras import layers
from PIL import Image

from model.registry.card import Card
from model.signature.shapes import InputShape

CLASSES = ("up", "down")
OBLONG, TALL, GREY, STRIP = InputShape(24, 48), InputShape(48, 24), InputShape(28, 28, 1), InputShape(16, 40, 1)


def halves(up: bool) -> Image.Image:
    """A picture whose upper or lower half is bright, RGB (96, 64)."""
    image = Image.new("RGB", (96, 64), (20, 30, 40))
    image.paste((220, 230, 240), (0, 0, 96, 32) if up else (0, 32, 96, 64))
    return image


def telling_halves(shape: InputShape, flat: bool = False, activation: str = "softmax") -> keras.Model:
    """A network that says which half of a picture, 0 to 1, is bright; flat: without an axis for grey's one channel."""
    given = keras.Input(shape[:2] if flat else shape)
    whole = layers.Reshape(shape)(given) if flat else given
    same = layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", activation="relu")(whole)
    pooled = layers.AveragePooling2D((shape.height // 4, shape.width // 4))(same)
    head = layers.Dense(2, activation=activation)
    network = keras.Model(given, head(layers.Flatten()(pooled)))
    sign = np.repeat([0.3, -0.3], 8) / shape.channels
    head.set_weights([np.stack([sign, -sign], axis=1), np.zeros(2)])
    return network


def card_of(shape: InputShape, scaling: str = "unit") -> Card:
    """A card for such a network."""
    width = shape.width if shape.width != shape.height else 0
    card = Card("halves", CLASSES, shape.height, 0, 0, "", "", "", scaling=scaling)
    return dataclasses.replace(card, input_width=width, channels=shape.channels)
