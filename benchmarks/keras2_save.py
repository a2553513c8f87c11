"""Networks of keras.applications, saved by whichever Keras runs this: PYTHON keras2_save.py FOLDER

It stands alone, for it is run in the environment of an old TensorFlow. It reads names of networks, one a line, and
puts NAME.h5, NAME.keras and NAME.npz into FOLDER: pictures of noise, and the network's answers to them. After each it
prints a line of JSON. The name `list` prints all that this version has.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

CLASSES, PICTURES = 10, 4
SIDE = 64  # pixels: small, so that it is quick
LARGER = {"NASNetLarge", "NASNetMobile", "InceptionV3", "InceptionResNetV2", "Xception"}  # these want at least 71 or 75


def names() -> list[str]:
    """The networks that this version of Keras has."""
    return sorted(name for name in dir(tf.keras.applications) if name[0].isupper())


def version() -> str:
    """That of TensorFlow, and whether its Keras is tf_keras, the Keras 2 that goes on beside Keras 3."""
    own = tf.keras.layers.Dense.__module__.startswith("tf_keras")
    return f"{tf.__version__}, tf_keras" if own else str(tf.__version__)


def build(name: str) -> tuple[Any, np.ndarray]:
    """The network with random weights everywhere, and pictures of noise: its logits depend on all of both."""
    side = 96 if name in LARGER else SIDE
    make = getattr(tf.keras.applications, name)
    network = make(weights=None, input_shape=(side, side, 3), classes=CLASSES, classifier_activation=None)
    pictures = np.random.default_rng(1).uniform(0, 255, (PICTURES, side, side, 3)).astype(np.float32)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if len(weight.shape) == 1:  # scales, offsets, means and variances, most of which begin as 0 and 1
            values, noise = np.asarray(weight), rng.uniform(0, 0.3, weight.shape)
            weight.assign(np.where(values == 0, noise, values * (1 + noise)).astype(values.dtype))
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.Normalization):
            layer.finalize_state()  # it calculates with a copy of its mean and variance
    settle(network, pictures)
    return network, pictures


def settle(network: Any, pictures: np.ndarray) -> None:
    """Give batch normalisation the statistics of these pictures; with others, numbers die out or grow without end."""
    layers = [layer for layer in network.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    network(pictures, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def save(name: str, folder: Path) -> dict[str, Any]:
    network, pictures = build(name)
    answers = np.asarray(network(pictures, training=False), np.float32)
    network.save(str(folder / (name + ".h5")))
    network.save(str(folder / (name + ".keras")))
    np.savez(str(folder / (name + ".npz")), pictures=pictures, answers=answers)
    return {"parameters": int(network.count_params()), "side": pictures.shape[1]}


def main(folder: Path) -> None:
    for line in sys.stdin:
        name = line.strip()
        tf.keras.backend.clear_session()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of .h5, which Keras calls a legacy format
            said = {"names": names()} if name == "list" else save(name, folder)
        print(json.dumps({"version": version(), **said}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
