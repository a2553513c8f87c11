"""Networks that Keras 2 saved as .h5, put into words that Keras 3 understands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model.allowed import INITIALIZERS, NETWORKS
from model.archives import parse

RANDOM = ("Flip", "Rotation", "Translation", "Zoom", "Contrast", "Crop", "Brightness")
# Keras 2 wrote these arguments into a layer's description although the layer has no use for them.
UNUSED = {
    "DepthwiseConv2D": {"groups"},
    "Conv2DTranspose": {"groups"},
    "SeparableConv2D": {"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"},
    "SeparableConv1D": {"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"},
    **{
        f"Random{change}": {"rng_type"}
        for change in ("Flip", "Rotation", "Translation", "Zoom", "Contrast", "Crop", "Brightness")
    },
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
        part["config"] = modern_graph(config) if name in NETWORKS | {"Model"} else modern_layer(str(name), config)
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


def modern_graph(config: dict[str, Any]) -> dict[str, Any]:
    """The same connections between layers, counted as Keras 3 does.

    In Keras 2 an inner network's first call had the number 1, and the one input of a network stood in a list.
    """
    layers = config.get("layers")
    if not isinstance(layers, list) or not any(map(connections, layers)):
        return config
    inner = {layer.get("name"): layer.get("class_name") for layer in layers if isinstance(layer, dict)}
    networks = {name for name, kind in inner.items() if isinstance(name, str) and kind in NETWORKS}
    for layer in layers:
        for connection in connections(layer):
            count_from_zero(connection, networks)
    # Keras 3 does the same by itself for the ends of a network, if they are not a sequence of layers.
    sequences = {name for name in networks if inner[name] == "Sequential"}
    ends = {key: config.get(key) for key in ("input_layers", "output_layers")}
    for key, value in ends.items():
        if isinstance(value, list):
            for end in value:
                count_from_zero(end, sequences)
            ends[key] = value[0] if len(value) == 1 and isinstance(value[0], list) else value
    return config | ends


def connections(layer: Any) -> list[Any]:
    """What a layer takes, call by call, in the way that Keras 2 wrote it: [name, call, output, arguments] each."""
    nodes = layer.get("inbound_nodes") if isinstance(layer, dict) else None
    return [entry for node in nodes if isinstance(node, list) for entry in node] if isinstance(nodes, list) else []


def count_from_zero(connection: Any, networks: set[str]) -> None:
    """Change the number of the call in a connection to one of these networks."""
    if isinstance(connection, list) and len(connection) > 2 and isinstance(connection[0], str):
        name, call = connection[:2]
        if name in networks and isinstance(call, int) and call > 0:
            connection[1] = call - 1


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
