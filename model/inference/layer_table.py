"""The layers of a network, as a table shows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.formats.tflite_operations import read_operations
from model.inference.classifier import read_network


@dataclass(frozen=True)
class Layer:
    """output: the shape for one picture, such as `32 x 32 x 24`."""

    name: str
    kind: str
    output: str
    parameters: int


def list_layers(path: Path) -> list[Layer]:
    """List the layers of a bundle's .keras, .h5 or .tflite file in the order of computation.

    Raises:
        UnsafeModelError: The file is not one that may be loaded.
    """
    if path.suffix == ".tflite":
        return [
            Layer(str(number), entry.kind.replace("_", " ").lower(), spelled(entry.output[1:]), entry.weights)
            for number, entry in enumerate(read_operations(path), start=1)
        ]
    return [
        Layer(layer.name, type(layer).__name__, spelled(shape_of(layer)), int(layer.count_params()))
        for layer in read_network(path).layers
    ]


def shape_of(layer: Any) -> tuple[int | None, ...]:
    """The output's shape without the number of pictures; empty for a layer with several outputs."""
    return tuple(getattr(layer.output, "shape", ()))[1:]


def spelled(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in shape)
