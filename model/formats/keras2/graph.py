"""Translate the connections between the layers of a Keras 2 network for Keras 3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from model.formats.allowlist import NETWORKS
from model.formats.keras2.connections import is_connection, keras_tensor
from model.formats.keras2.functions import convert_function

FUNCTION_LAYERS = {"TFOpLambda", "SlicingOpLambda"}


def convert_graph(config: dict[str, Any]) -> dict[str, Any]:
    """Translate a graph's connections.

    Keras 2 counted the calls of an inner network from 1, and wrote the only input of a network as a list.
    """
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return config
    names = valid_names(layers)
    kinds = {layer.get("name"): layer.get("class_name") for layer in layers if isinstance(layer.get("name"), str)}
    networks = {name for name, kind in kinds.items() if kind in NETWORKS}
    # Keras 3 does this itself for the inputs and outputs of a network, except those of a Sequential.
    sequences = {name for name in networks if kinds[name] == "Sequential"}
    ends = {
        key: _unwrap_single(_update_connections(config[key], names, sequences))
        for key in ("input_layers", "output_layers")
        if key in config
    }
    called = set(names.values())
    return config | {"layers": [_convert_node(layer, names, networks, called) for layer in layers]} | ends


def valid_names(layers: Iterable[Any]) -> dict[str, str]:
    """Map each layer's name to a unique one without slashes, which Keras 3 does not accept."""
    old = [name for layer in layers if isinstance(name := layer_name(layer), str)]
    names = {name: name for name in old if "/" not in name}
    taken = set(names)
    for name in old:
        if name not in names:
            plain = name.replace("/", "_")
            while plain in taken:
                plain += "_"
            names[name] = plain
            taken.add(plain)
    return names


def layer_name(layer: Any) -> Any:
    """Return the name that other layers refer to a layer by."""
    if not isinstance(layer, dict):
        return None
    config = layer.get("config")
    return layer.get("name", config.get("name") if isinstance(config, dict) else None)


def _convert_node(layer: dict[str, Any], names: dict[str, str], networks: set[str], called: set[str]) -> dict[str, Any]:
    """Translate a layer of a graph, its name and its connections; `called`: all new names."""
    config = layer.get("config")
    name = names.get(str(layer_name(layer)), layer_name(layer))
    if isinstance(config, dict):
        config = {key: value for key, value in config.items() if key != "batch_input_shape"}
        if "name" in config:
            config["name"] = name
    nodes = _update_connections(layer.get("inbound_nodes"), names, networks)
    changed = layer | {"name": name, "config": config, "inbound_nodes": nodes}
    if layer.get("class_name") in FUNCTION_LAYERS:
        return convert_function(changed, called)
    if isinstance(nodes, list):
        changed["inbound_nodes"] = [_convert_call(node, called) for node in nodes]
    return changed


def _update_connections(value: Any, names: dict[str, str], networks: set[str]) -> Any:
    """Rename the layers in connections, nested to any depth; calls of inner networks count from 0."""
    if isinstance(value, dict):
        return {key: _update_connections(inner, names, networks) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    if not is_connection(value, names):
        return [_update_connections(inner, names, networks) for inner in value]
    name, call, *rest = value
    count = call - 1 if name in networks and call > 0 else call
    return [names[name], count, *(_update_connections(inner, names, networks) for inner in rest)]


def _unwrap_single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) else value


def _convert_call(node: Any, names: set[str]) -> Any:
    """Translate one call of a layer if its keyword arguments include outputs of other layers."""
    if not isinstance(node, list) or not all(is_connection(entry, names) for entry in node):
        return node
    arguments = node[0][3] if node and len(node[0]) == 4 and isinstance(node[0][3], dict) else {}
    if not any(is_connection(value, names) for value in arguments.values()):
        return node
    given = [keras_tensor(entry) for entry in node]
    return {
        "args": given if len(given) == 1 else [given],
        "kwargs": {
            key: keras_tensor(value) if is_connection(value, names) else value for key, value in arguments.items()
        },
    }
