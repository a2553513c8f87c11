"""Networks that Keras 2 saved as .h5, put into words that Keras 3 understands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model.allowed import INITIALIZERS
from model.archives import parse

# Keras 2 wrote these arguments into a layer's description although the layer has no use for them.
UNUSED = {
    "DepthwiseConv2D": {"groups"},
    "Conv2DTranspose": {"groups"},
    "SeparableConv2D": {"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"},
    "SeparableConv1D": {"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"},
}


def modern(value: Any) -> Any:
    """A description of Keras 2 as one of Keras 3; one of Keras 3 comes back as it was."""
    if isinstance(value, list):
        return [modern(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    part = {key: modern(inner) for key, inner in value.items()}
    name, config = part.get("class_name"), part.get("config")
    if name == "Policy" and isinstance(config, dict):
        return config.get("name")
    if name == "Model":
        part["class_name"] = "Functional"
    if name == "Sequential":
        part["config"] = with_input(config if isinstance(config, dict) else {"name": "sequential", "layers": config})
    elif isinstance(config, dict):
        part["config"] = modern_layer(str(name), config)
    return part


def modern_layer(name: str, config: dict[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in config.items() if key not in UNUSED.get(name, ())}
    if name == "InputLayer" and "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    if name == "BatchNormalization" and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if name in INITIALIZERS:
        config.pop("dtype", None)
    return config


def with_input(config: dict[str, Any]) -> dict[str, Any]:
    """A sequence of layers whose first names the shape of its pictures, as one that begins with an input layer."""
    layers = config.get("layers")
    if not isinstance(layers, list) or not layers or not isinstance(layers[0], dict):
        return config
    shapes = [
        layer["config"].pop("batch_input_shape", None)
        for layer in layers
        if isinstance(layer, dict) and isinstance(layer.get("config"), dict)
    ]
    if layers[0].get("class_name") == "InputLayer" or not shapes or shapes[0] is None:
        return config | {"layers": layers}
    given = {"batch_shape": shapes[0], "dtype": "float32", "name": "pictures"}
    return config | {"layers": [{"class_name": "InputLayer", "config": given}, *layers]}


@contextmanager
def modernised(path: Path) -> Iterator[Path]:
    """The path of a file that Keras 3 loads: the file itself, or for an .h5 file of Keras 2 a copy in new words."""
    if path.suffix != ".h5":
        yield path
        return
    import h5py

    with h5py.File(path, "r") as file:
        description = parse(file.attrs.get("model_config", "null"))
    newer = modern(description)
    if newer == description:
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        with h5py.File(copy, "r+") as file:
            file.attrs["model_config"] = json.dumps(newer)
        yield copy
