"""The layers of a network, as a table shows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.classifier import read_network


@dataclass(frozen=True)
class Layer:
    """output: the shape for one picture, such as `32 x 32 x 24`; parameters: None where the file does not tell."""

    name: str
    kind: str
    output: str
    parameters: int | None


def list_layers(path: Path) -> list[Layer]:
    """The layers of a bundle's .keras, .h5 or .tflite file, from the pictures to the answer."""
    if path.suffix == ".tflite":
        return list_operations(path)
    return [
        Layer(layer.name, type(layer).__name__, spelled(shape_of(layer)), int(layer.count_params()))
        for layer in read_network(path).layers
    ]


def shape_of(layer: Any) -> tuple[int | None, ...]:
    """The output's shape without the number of pictures; empty for a layer with several outputs."""
    shape = getattr(getattr(layer, "output", None), "shape", ())
    return tuple(shape)[1:]


def spelled(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if side is None else str(side) for side in shape)


def list_operations(path: Path) -> list[Layer]:
    """A .tflite file's operations; none where LiteRT does not list them, for it does not promise to."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    try:
        shapes = {entry["index"]: entry["shape"] for entry in interpreter.get_tensor_details()}
        return [
            Layer(
                str(entry["index"]),
                entry["op_name"].replace("_", " ").lower(),
                spelled(tuple(int(side) for side in shapes.get(entry["outputs"][0], ())[1:])),
                None,
            )
            for entry in interpreter._get_ops_details()
        ]
    except (AttributeError, KeyError, IndexError):
        return []
