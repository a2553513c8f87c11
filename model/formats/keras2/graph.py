"""The connections between the layers of a network of Keras 2, in words of Keras 3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from model.formats.allowlist import NETWORKS
from model.formats.keras2.connections import is_connection, tensor
from model.formats.keras2.functions import modern_function

FUNCTIONS = {"TFOpLambda", "SlicingOpLambda"}


def modern_graph(config: dict[str, Any]) -> dict[str, Any]:
    """The same connections between layers, counted as Keras 3 does.

    In Keras 2 an inner network's first call had the number 1, and the one input of a network stood in a list.
    """
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return config
    names = fresh_names(layers)
    kinds = {layer.get("name"): layer.get("class_name") for layer in layers if isinstance(layer.get("name"), str)}
    networks = {name for name, kind in kinds.items() if kind in NETWORKS}
    # Keras 3 does the same by itself for the ends of a network, if they are not a sequence of layers.
    sequences = {name for name in networks if kinds[name] == "Sequential"}
    ends = {
        key: one_end(reconnected(config[key], names, sequences))
        for key in ("input_layers", "output_layers")
        if key in config
    }
    called = set(names.values())
    return config | {"layers": [modern_node(layer, names, networks, called) for layer in layers]} | ends


def fresh_names(layers: Iterable[Any]) -> dict[str, str]:
    """Each layer's name -> the same without slashes, which Keras 3 does not take; no two become the same."""
    old = [name for layer in layers if isinstance(name := name_of(layer), str)]
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


def name_of(layer: Any) -> Any:
    """The name by which other layers call a layer."""
    if not isinstance(layer, dict):
        return None
    config = layer.get("config")
    return layer.get("name", config.get("name") if isinstance(config, dict) else None)


def modern_node(layer: dict[str, Any], names: dict[str, str], networks: set[str], called: set[str]) -> dict[str, Any]:
    """A layer of a graph, with its new name and with what it takes. called: the new names."""
    config = layer.get("config")
    name = names.get(str(name_of(layer)), name_of(layer))
    if isinstance(config, dict):
        config = {key: value for key, value in config.items() if key != "batch_input_shape"}
        if "name" in config:
            config["name"] = name
    nodes = reconnected(layer.get("inbound_nodes"), names, networks)
    changed = layer | {"name": name, "config": config, "inbound_nodes": nodes}
    if layer.get("class_name") in FUNCTIONS:
        return modern_function(changed, called)
    if isinstance(nodes, list):
        changed["inbound_nodes"] = [with_tensors(node, called) for node in nodes]
    return changed


def reconnected(value: Any, names: dict[str, str], networks: set[str]) -> Any:
    """Connections, in lists and dictionaries of any depth, to the layers' new names; calls of networks count from 0."""
    if isinstance(value, dict):
        return {key: reconnected(inner, names, networks) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    if not is_connection(value, names):
        return [reconnected(inner, names, networks) for inner in value]
    name, call, *rest = value
    count = call - 1 if name in networks and call > 0 else call
    return [names[name], count, *(reconnected(inner, names, networks) for inner in rest)]


def one_end(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list) else value


def with_tensors(node: Any, names: set[str]) -> Any:
    """One call of a layer; in the form of Keras 3 if other layers' results are among its named arguments."""
    if not isinstance(node, list) or not all(is_connection(entry, names) for entry in node):
        return node
    arguments = node[0][3] if node and len(node[0]) == 4 and isinstance(node[0][3], dict) else {}
    if not any(is_connection(value, names) for value in arguments.values()):
        return node
    given = [tensor(entry) for entry in node]
    return {
        "args": given if len(given) == 1 else [given],
        "kwargs": {key: tensor(value) if is_connection(value, names) else value for key, value in arguments.items()},
    }
