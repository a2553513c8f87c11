"""One and the same network of convolutions, arranged in the ways in which people build theirs in Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers

Shape = tuple[int | None, ...]
Layers = Sequence[keras.Layer]


def functional(shape: Shape, parts: Layers) -> keras.Model:
    inputs = keras.Input(shape)
    x = inputs
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def sequential(shape: Shape, parts: Layers) -> keras.Sequential:
    return keras.Sequential([keras.Input(shape), *parts])


def one_by_one(shape: Shape, parts: Layers) -> keras.Sequential:
    network = keras.Sequential([keras.Input(shape)])
    for part in parts:
        network.add(part)
    return network


def wrapped(shape: Shape, body: Layers, head: Layers) -> keras.Sequential:
    """A whole classifier, itself with a network inside, behind an augmentation."""
    return sequential(shape, [layers.RandomFlip(), functional(shape, [sequential(shape, body), *head])])


# Name -> what makes a network for a shape of the layers up to the last maps, and the layers after them.
ARRANGEMENTS: dict[str, Callable[[Shape, Layers, Layers], keras.Model]] = {
    "functional": lambda shape, body, head: functional(shape, [*body, *head]),
    "sequential": lambda shape, body, head: sequential(shape, [*body, *head]),
    "sequential one by one": lambda shape, body, head: one_by_one(shape, [*body, *head]),
    "base": lambda shape, body, head: functional(shape, [layers.RandomFlip(), functional(shape, body), *head]),
    "pooled base": lambda shape, body, head: functional(shape, [functional(shape, [*body, head[0]]), *head[1:]]),
    "sequential base": lambda shape, body, head: sequential(shape, [functional(shape, body), *head]),
    "sequential parts": lambda shape, body, head: sequential(shape, [sequential(shape, body), keras.Sequential(head)]),
    "wrapped": wrapped,
}


def arranged(name: str, shape: Shape, activation: str | None) -> keras.Model:
    """A network with three classes, for pictures of 0 to 1; of every arrangement with the same weights."""
    body = [layers.Conv2D(4, 3, padding="same"), layers.ReLU(), layers.MaxPooling2D(2)]
    body += [layers.Conv2D(8, 3, padding="same"), layers.ReLU()]
    head = [layers.GlobalAveragePooling2D(), layers.Dropout(0.2), layers.Dense(3, activation=activation)]
    network = ARRANGEMENTS[name](shape, body, head)
    rng = np.random.default_rng(0)
    for layer in (part for part in (*body, *head) if part.weights):
        layer.set_weights([rng.normal(0, 0.3, weight.shape) for weight in layer.get_weights()])
    return network
