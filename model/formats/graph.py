"""The graph of a Keras network: its layers and operations in the order in which they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def nodes_of(network: keras.Model) -> list[Any]:
    """List the calls of a network's layers and operations, from its input on."""
    graph = getattr(network, "_functional", None) or network  # a Sequential keeps its graph there
    levels = sorted(graph._nodes_by_depth.items(), reverse=True)
    return [node for _, level in levels for node in level]


def node_of(network: keras.Model, layer: keras.Layer) -> Any:
    """Return a layer's call in this network; `layer.input` and `layer.output` may be those of another network.

    A Sequential calls its layers anew with each that is added, and a network that is called as a layer has an input and
    an output of its own besides.
    """
    return next(node for node in nodes_of(network) if node.operation is layer)
