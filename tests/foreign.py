"""Model files that were made elsewhere, honest and hostile ones, of Keras 2 and 3; written by hand without Keras."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SIDE, CLASSES = 8, 3
DTYPE = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def layer(kind: str, module: str | None = "keras.layers", **config: Any) -> dict[str, Any]:
    """A layer's entry in a .keras file."""
    about = {"name": kind.lower(), "trainable": True, "dtype": DTYPE} | config
    return {"module": module, "class_name": kind, "config": about, "registered_name": None}


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """The description of a network that begins with the given layers and ends in probabilities."""
    first = layer("InputLayer") | {
        "config": {"batch_shape": [None, SIDE, SIDE, 3], "dtype": "float32", "name": "input"}
    }
    last = layer("Dense", units=CLASSES, activation="softmax")
    parts = [first, *layers, layer("Flatten"), last]
    config = {"name": "sequential", "trainable": True, "dtype": DTYPE, "layers": parts}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": "Sequential"}


def weights(inputs: int = SIDE * SIDE * 3, seed: int = 0) -> bytes:
    """The weights of `sequential()` as Keras 3 lays them out."""
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = rng.normal(0, 0.3, (inputs, CLASSES)).astype(np.float32)
        group["1"] = np.zeros(CLASSES, np.float32)
        file.create_group("layers/flatten/vars")
        file.create_group("vars")
    return buffer.getvalue()


def write_keras(
    path: Path,
    description: Any = None,
    members: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """A .keras file with a description, by default an honest one; members replace or add files of the archive."""
    files = {
        "metadata.json": b'{"keras_version": "3.15.1", "date_saved": "2026-01-31@12:00:00"}',
        "config.json": json.dumps(sequential() if description is None else description).encode(),
        "model.weights.h5": weights(),
    } | dict(members or {})
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def write_h5(path: Path, description: Any, version: str = "2.15.0") -> Path:
    """A whole model's .h5 file with a description and no layers' weights, as Keras 2 saves it, or another version."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = version
        file.attrs["model_config"] = json.dumps(description)
        names = [entry["name"] for entry in description["config"].get("layers", []) if "name" in entry]
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = np.array([name.encode() for name in names], "S64")
        for name in names:
            group.create_group(name).attrs["weight_names"] = np.array([], "S64")
    return path


KERAS2_LAYERS: list[tuple[str, dict[str, Any], dict[str, tuple[int, ...]]]] = [
    (
        "Conv2D",
        {
            "batch_input_shape": [None, SIDE, SIDE, 3],
            "filters": 4,
            "kernel_size": [3, 3],
            "padding": "same",
            "groups": 1,
            "activation": "relu",
            "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}},
            "bias_initializer": {"class_name": "Zeros", "config": {"dtype": "float32"}},
            "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.0005}},
        },
        {"kernel:0": (3, 3, 3, 4), "bias:0": (4,)},
    ),
    (
        "BatchNormalization",
        {"axis": [3], "momentum": 0.99, "epsilon": 0.001},
        {"gamma:0": (4,), "beta:0": (4,), "moving_mean:0": (4,), "moving_variance:0": (4,)},
    ),
    (
        "DepthwiseConv2D",
        {"kernel_size": [3, 3], "padding": "same", "depth_multiplier": 1, "groups": 1, "use_bias": False},
        {"depthwise_kernel:0": (3, 3, 4, 1)},
    ),
    ("LeakyReLU", {"alpha": 0.1}, {}),
    ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid"}, {}),
    ("Dropout", {"rate": 0.5, "noise_shape": None, "seed": None}, {}),
    ("Flatten", {"data_format": "channels_last"}, {}),
    ("Dense", {"units": CLASSES, "activation": "softmax"}, {"kernel:0": (64, CLASSES), "bias:0": (CLASSES,)}),
]


def write_keras2(path: Path, dtype: Any = "float32", as_list: bool = False) -> dict[str, np.ndarray]:
    """An .h5 file laid out and worded as Keras 2 did it; returns its weights by `layer/name`."""
    rng = np.random.default_rng(0)
    layers, values = [], {}
    with h5py.File(path, "w") as file:
        group = file.create_group("model_weights")
        for number, (kind, config, shapes) in enumerate(KERAS2_LAYERS):
            name = f"{kind.lower()}_{number}"
            layers.append({"class_name": kind, "config": {"name": name, "trainable": True, "dtype": dtype} | config})
            inner = group.create_group(name)
            names = [f"{name}/{weight}" for weight in shapes]
            inner.attrs["weight_names"] = np.array([text.encode() for text in names], dtype="S64")
            for text, shape in zip(names, shapes.values(), strict=True):
                values[text] = rng.uniform(0.05, 0.9, shape).astype(np.float32)
                inner[text] = values[text]
        group.attrs["layer_names"] = np.array([entry["config"]["name"].encode() for entry in layers], dtype="S64")
        group.attrs["backend"] = b"tensorflow"
        group.attrs["keras_version"] = b"2.4.0"
        config: Any = layers if as_list else {"name": "sequential_1", "layers": layers}
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": config}).encode()
        file.attrs["training_config"] = b'{"optimizer_config": {"class_name": "Adam", "config": {}}, "loss": "mse"}'
        file.attrs["keras_version"] = b"2.4.0"
        file.attrs["backend"] = b"tensorflow"
    return values
