"""How Keras 2 and Keras 3 write a layer's output among the arguments of another layer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def is_connection(value: Any, names: Iterable[str]) -> bool:
    """Return whether a value is Keras 2's reference to a tensor: [layer name, call, output], perhaps with arguments."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] in names
        and all(isinstance(number, int) for number in value[1:3])
    )


def keras_tensor(connection: list[Any]) -> dict[str, Any]:
    """Return a layer's output as Keras 3 writes it; shape and dtype are inferred when the layer is called."""
    history = {"shape": [], "dtype": "float32", "keras_history": connection[:3]}
    return {"class_name": "__keras_tensor__", "config": history}
