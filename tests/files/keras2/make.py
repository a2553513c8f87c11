"""Tiny networks with random weights, saved by Keras 2, and their answers: PYTHON make.py FOLDER

Run in an environment of TensorFlow 2.12 or 2.15; the files here were made so. See README.md.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tensorflow as tf

K, L = tf.keras, tf.keras.layers
SIDE = 8


def pictures(**settings: Any) -> Any:
    return K.Input((SIDE, SIDE, 3), **settings)


def caffe() -> Any:
    given = pictures()
    seen = K.applications.vgg16.preprocess_input(given)
    return K.Model(given, L.Dense(2)(L.GlobalMaxPooling2D()(seen)))


def arithmetic() -> Any:
    given = pictures(dtype="uint8")
    x = tf.cast(given, tf.float32) / 255.0
    x = tf.concat([x[:, :, 1:, :2], tf.nn.relu(0.5 - x[:, :, :-1])], axis=-1)
    x = tf.image.resize(tf.reduce_mean(x, axis=-1, keepdims=True), (4, 4))
    red, _, blue = tf.split(x * [1.0, 2.0, 3.0], 3, axis=-1)
    return K.Model(given, L.Flatten()(red - blue**2))


def mixed() -> Any:
    K.mixed_precision.set_global_policy("mixed_float16")
    given = pictures()
    x = L.BatchNormalization()(L.Conv2D(3, 3)(L.Rescaling(1 / 255)(given)))
    x = L.Dense(2, activation="softmax", dtype="float32")(L.Flatten()(x * 2.0))
    K.mixed_precision.set_global_policy("float32")
    return K.Model(given, x)


def deep() -> Any:
    """Networks in networks; names with slashes; layers that do nothing outside of training; parts that are frozen."""
    a, b, c = pictures(), pictures(), pictures()
    innermost = K.Model(a, L.Conv2D(3, 3, padding="same", name="block/conv")(a), name="innermost")
    inner = K.Model(b, L.BatchNormalization()(innermost(L.ReLU()(b))), name="inner/most")
    first = [L.RandomFlip("horizontal", input_shape=(SIDE, SIDE, 3)), L.RandomHeight(0.1), L.RandomWidth(0.1)]
    augmented = K.Sequential([*first, L.Rescaling(1 / 255)], name="augmented")
    x = inner(inner(augmented(c)))
    inner.trainable = False
    head = K.Sequential([L.RandomCrop(4, 4), L.GlobalAveragePooling2D(), L.Dense(4), L.Dense(3)], name="head")
    network = K.Model(c, head(x))
    network.compile("adam", K.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return network


def recurrent() -> Any:
    """Layers with layers in them, and the hard sigmoid, which was another function in Keras 2."""
    given = pictures()
    x = L.LayerNormalization()(L.Reshape((SIDE * SIDE, 3))(given / 255.0))
    x = L.MultiHeadAttention(2, 4)(x, x) + L.TimeDistributed(L.Dense(3, activation="hard_sigmoid"))(x)
    return K.Model(given, L.Bidirectional(L.GRU(2, recurrent_activation="hard_sigmoid"))(x))


def normalised() -> Any:
    given = pictures()
    return K.Model(given, L.Dense(2)(L.Flatten()(L.Normalization()(given))))


def adapted() -> Any:
    """A sequence in a network whose first layer was adapted before it had an input: it is saved without a shape."""
    first = L.Normalization()
    first.adapt(np.random.default_rng(0).uniform(0, 255, (16, SIDE, SIDE, 3)).astype(np.float32))
    given = pictures()
    return K.Model(given, L.Dense(2)(K.Sequential([first, L.Conv2D(3, 3), L.GlobalAveragePooling2D()])(given)))


def randomised(network: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    network.set_weights(
        [(weight + rng.uniform(0, 0.5, weight.shape)).astype(weight.dtype) for weight in network.get_weights()]
    )
    for layer in network._flatten_layers():
        if isinstance(layer, L.Normalization):
            layer.finalize_state()
    return network


def main(folder: Path) -> None:
    for seed, make in enumerate((caffe, arithmetic, mixed, deep, recurrent, normalised, adapted)):
        K.backend.clear_session()
        network = randomised(make(), seed)
        whole = np.random.default_rng(9).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)
        given = whole.astype(network.inputs[0].dtype.as_numpy_dtype)
        answers = np.asarray(network(given, training=False), np.float32)
        np.savez(folder / f"{make.__name__}.npz", pictures=given, answers=answers)
        network.save(folder / f"{make.__name__}.h5", include_optimizer=False)
        try:
            network.save(folder / f"{make.__name__}.keras")
        except (ValueError, TypeError) as error:  # Keras 2 had no word for `...` in its archives
            print(f"{make.__name__}.keras: {error}")
    for name in ("deep", "mixed", "normalised"):
        zip_saved_model(folder / name)


def zip_saved_model(path: Path) -> None:
    """The network of an .h5 file as a ZIP of a SavedModel beside it, with a folder in it."""
    with TemporaryDirectory() as folder:
        network = K.models.load_model(path.with_suffix(".h5"), compile=False)
        network.save(Path(folder) / path.name, save_format="tf")
        shutil.make_archive(str(path), "zip", folder, path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
