"""The layers of a network, for a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.formats.tflite_operations import read_operations
from model.inference.classifier import read_network


@dataclass(frozen=True)
class Layer:
    """A layer or operation.

    Attributes:
        name: Its name or number.
        kind: Its type.
        output: The shape of its output for one image, such as `32 x 32 x 24`.
        parameters: The number of its weights.
    """

    name: str
    kind: str
    output: str
    parameters: int


def list_layers(path: Path, outputs: Sequence[str] = ()) -> list[Layer]:
    """List the layers of a bundle's .keras, .h5 or .tflite file in the order of computation.

    Args:
        path: The file.
        outputs: The outputs on its card.

    Raises:
        UnsafeModelError: The file is not one that may be loaded.
    """
    if path.suffix == ".tflite":
        return [
            Layer(str(number), entry.kind.replace("_", " ").lower(), _format_shape(entry.output[1:]), entry.weights)
            for number, entry in enumerate(read_operations(path), start=1)
        ]
    return [
        Layer(layer.name, type(layer).__name__, _format_shape(_output_shape(layer)), int(layer.count_params()))
        for layer in read_network(path, outputs).layers
    ]


def _output_shape(layer: Any) -> tuple[int | None, ...]:
    """Return the output's shape without the batch axis; empty for a layer with several outputs."""
    return tuple(getattr(layer.output, "shape", ()))[1:]


def _format_shape(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in shape)
