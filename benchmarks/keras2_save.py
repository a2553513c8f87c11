"""Save networks of keras.applications with whichever Keras runs this: PYTHON keras2_save.py FOLDER.

It stands alone, for it is run in the environment of an old TensorFlow. It reads names of networks, one a line, and
puts NAME.h5, NAME.keras and NAME.npz into FOLDER: pictures of noise, the network's answers to them, and its answers
when every pixel is one float32 step brighter. After each it prints a line of JSON. The name `list` prints all that this
version has.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

_CLASSES, _PICTURES = 10, 4
_SIDE = 64  # pixels: small, so that it is quick
_LARGER = {
    "NASNetLarge",
    "NASNetMobile",
    "InceptionV3",
    "InceptionResNetV2",
    "Xception",
}  # these want at least 71 or 75


def names() -> list[str]:
    """Return the networks that this version of Keras has."""
    return sorted(name for name in dir(tf.keras.applications) if name[0].isupper())


def version() -> str:
    """Return TensorFlow's version, and whether its Keras is tf_keras, the Keras 2 that is maintained beside Keras 3."""
    own = tf.keras.layers.Dense.__module__.startswith("tf_keras")
    return f"{tf.__version__}, tf_keras" if own else str(tf.__version__)


def _build(name: str) -> tuple[Any, np.ndarray]:
    """Build a network with random weights, and images of noise: its logits depend on all of both."""
    side = 96 if name in _LARGER else _SIDE
    make = getattr(tf.keras.applications, name)
    network = make(weights=None, input_shape=(side, side, 3), classes=_CLASSES, classifier_activation=None)
    pictures = np.random.default_rng(1).uniform(0, 255, (_PICTURES, side, side, 3)).astype(np.float32)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if len(weight.shape) == 1:  # scales, offsets, means and variances, most of which begin as 0 and 1
            values, noise = np.asarray(weight), rng.uniform(0, 0.3, weight.shape)
            weight.assign(np.where(values == 0, noise, values * (1 + noise)).astype(values.dtype))
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.Normalization):
            layer.finalize_state()  # it calculates with a copy of its mean and variance
    _set_statistics(network, pictures)
    return network, pictures


def _set_statistics(network: Any, pictures: np.ndarray) -> None:
    """Give batch normalization the statistics of these images; with others, numbers vanish or explode."""
    layers = [layer for layer in network.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    network(pictures, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _save(name: str, folder: Path) -> dict[str, Any]:
    """Save a network and its logits."""
    network, pictures = _build(name)
    answers = np.asarray(network(pictures, training=False), np.float32)
    network.save(str(folder / (name + ".h5")))
    network.save(str(folder / (name + ".keras")))
    brighter = np.asarray(network(np.nextafter(pictures, np.float32(np.inf)), training=False), np.float32)
    np.savez(str(folder / (name + ".npz")), pictures=pictures, answers=answers, brighter=brighter)
    return {"parameters": int(network.count_params()), "side": pictures.shape[1]}


def main(folder: Path) -> None:
    """Save the networks named on stdin."""
    for line in sys.stdin:
        name = line.strip()
        tf.keras.backend.clear_session()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of .h5, which Keras calls a legacy format
            said = {"names": names()} if name == "list" else _save(name, folder)
        print(json.dumps({"version": version(), **said}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
