"""How Keras 2 wrote a layer's result among the arguments of another, and how Keras 3 does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def is_connection(value: Any, names: Iterable[str]) -> bool:
    """Whether a value is what Keras 2 wrote for a tensor: [name of a layer, call, output], and arguments maybe."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] in names
        and all(isinstance(number, int) for number in value[1:3])
    )


def tensor(connection: list[Any]) -> dict[str, Any]:
    """A layer's result, as Keras 3 writes it; shape and type are found when the layer is called."""
    history = {"shape": [], "dtype": "float32", "keras_history": connection[:3]}
    return {"class_name": "__keras_tensor__", "config": history}
