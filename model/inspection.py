"""What a stranger's model file is, found out in a process of its own: python -m model.inspection FILE SCALING SIZE"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.allowed import NotAllowed
from model.apart import SECONDS, answer_apart, ask_apart
from model.archives import read_checked
from model.bundle import Card
from model.classifier import compiled, load_tflite, read_network
from model.language import gettext as _
from model.operations import read_operations
from model.outputs import OUTPUTS, kind_of_output
from model.scaling import SCALINGS

if TYPE_CHECKING:
    import keras

MAX_SIDE = 1024  # pixels of the pictures that a network may want
MAX_CLASSES = 25_000
PROBES = 4
SCALING_LAYERS = {"Rescaling", "Normalization"}


@dataclass(frozen=True)
class Facts:
    """What a network is; classes: how many; why: what the scaling was chosen by, as a sentence."""

    input_size: int
    classes: int
    parameters: int
    flops: int
    scaling: str
    output: str
    why: str


def inspect(path: Path, scaling: str = "", input_size: int = 0, seconds: float = SECONDS) -> Facts:
    """Look a .keras, .h5 or .tflite file over in another process. Raises NotAllowed with the reason as half a sentence.

    scaling: a name of SCALINGS, or nothing for a guess; input_size: for networks that take pictures of any size.
    """
    return Facts(**ask_apart("model.inspection", [str(path.absolute()), scaling, str(input_size)], seconds))


def look(path: Path, scaling: str, size: int) -> Facts:
    return look_tflite(path, scaling, size) if path.suffix == ".tflite" else look_keras(path, scaling, size)


def look_keras(path: Path, scaling: str, size: int) -> Facts:
    """The facts of a .keras or .h5 file; its description is checked before Keras is even imported."""
    from model.flops import count_flops

    description = read_checked(path)
    network = read_network(path)
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise NotAllowed(
            _("it has {inputs} inputs and {outputs} outputs; one of each is taken").format(
                inputs=len(network.inputs), outputs=len(network.outputs)
            )
        )
    side = check_input(tuple(network.inputs[0].shape), size)
    if network.inputs[0].shape[0] is not None:
        raise NotAllowed(
            _("it takes exactly {count} pictures at a time; any number should do").format(
                count=network.inputs[0].shape[0]
            )
        )
    numbers = check_output(tuple(network.outputs[0].shape))
    chosen, why = guess_keras(network, description) if not scaling else (scaling, _("as you said"))
    card = probe_card(side, chosen)
    rows = compiled(network, card)(probes(side))
    activation = str(getattr(getattr(network.layers[-1], "activation", None), "__name__", ""))
    return facts(card, rows, numbers, why, activation, int(network.count_params()), count_flops(network))


def check_input(shape: tuple[int | None, ...], size: int) -> int:
    """The side of the pictures that an input of this shape takes. Raises NotAllowed for anything but RGB squares."""
    if len(shape) != 4 or shape[3] != 3:
        raise NotAllowed(_("it takes {shape}; pictures are (n, height, width, 3)").format(shape=spelled(shape)))
    height, width = shape[1] or size, shape[2] or size
    if not height or not width:
        raise NotAllowed(_("it takes pictures of any size; say with --input-size how large they should be"))
    if size not in (0, height):
        raise NotAllowed(
            _("it takes pictures of {height} x {width} pixels, not of {size} x {size}").format(
                height=height, width=width, size=size
            )
        )
    if height != width or not 1 <= height <= MAX_SIDE:
        raise NotAllowed(
            _("it takes pictures of {height} x {width} pixels; squares up to {max_side} x {max_side} are taken").format(
                height=height, width=width, max_side=MAX_SIDE
            )
        )
    return height


def check_output(shape: tuple[int | None, ...]) -> int:
    """How many numbers a picture gets. Raises NotAllowed for anything but a row."""
    if len(shape) != 2 or not shape[1] or not 1 <= shape[1] <= MAX_CLASSES:
        raise NotAllowed(
            _("it gives {shape}; a classifier gives (n, classes), up to {max_classes:,} of them").format(
                shape=spelled(shape), max_classes=MAX_CLASSES
            )
        )
    return shape[1]


def spelled(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('n' if not side else str(side) for side in shape)})"


def guess_keras(network: keras.Model, description: Any) -> tuple[str, str]:
    """What the network wants for 0 to 255, and why that is thought."""
    if str(network.inputs[0].dtype).startswith(("uint8", "int")):
        return "none", _("its input is whole numbers")
    if found := sorted(SCALING_LAYERS & class_names(description)):
        return "none", _("it has a {layer} layer of its own").format(layer=found[0])
    return "unit", _("a guess: nothing in the file says what it was trained with")


def class_names(description: Any) -> set[str]:
    """Every class that a description names."""
    if isinstance(description, list):
        return set().union(*map(class_names, description))
    if not isinstance(description, dict):
        return set()
    return set().union({str(description.get("class_name"))}, *map(class_names, description.values()))


def look_tflite(path: Path, scaling: str, size: int) -> Facts:
    """The facts of a .tflite file, float or quantised."""
    from ai_edge_litert.interpreter import Interpreter

    operations = read_operations(path)
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    given, results = interpreter.get_input_details(), interpreter.get_output_details()
    if len(given) != 1 or len(results) != 1:
        raise NotAllowed(
            _("it has {inputs} inputs and {outputs} outputs; one of each is taken").format(
                inputs=len(given), outputs=len(results)
            )
        )
    if given[0]["dtype"] not in (np.uint8, np.int8, np.float32):
        raise NotAllowed(
            _("its input is {name}; uint8, int8 and float32 are taken").format(name=np.dtype(given[0]["dtype"]).name)
        )
    side = check_input(tuple(int(length) for length in given[0]["shape"]), size)
    numbers = check_output(tuple(int(length) for length in results[0]["shape"]))
    chosen, why = guess_tflite(given[0]) if not scaling else (scaling, _("as you said"))
    card = probe_card(side, chosen)
    rows = load_tflite(path, card)(probes(side))
    return facts(card, rows, numbers, why, parameters=sum(operation.weights for operation in operations))


def guess_tflite(given: dict[str, Any]) -> tuple[str, str]:
    """What a .tflite file wants for 0 to 255: a quantised input says which numbers its range stands for."""
    if given["dtype"] == np.uint8:
        return "none", _("its input is uint8")
    step, zero = given["quantization"]
    if step:
        limits = np.iinfo(given["dtype"])
        ends = (limits.min - zero) * step, (limits.max - zero) * step
        for name, expected in (("none", (0, 255)), ("unit", (0, 1)), ("symmetric", (-1, 1))):
            if np.allclose(ends, expected, atol=0.02 * expected[1]):
                return name, _("its int8 input stands for {low:.3g} to {high:.3g}").format(low=ends[0], high=ends[1])
    return "unit", _("a guess: nothing in the file says what it was trained with")


def probe_card(side: int, scaling: str) -> Card:
    if scaling not in SCALINGS:
        raise NotAllowed(
            _("{scaling!r} is no scaling; scalings: {names}").format(scaling=scaling, names=", ".join(SCALINGS))
        )
    return Card("", (), side, 0, 0, "", "", "", scaling=scaling)


def probes(side: int) -> np.ndarray:
    """Pictures of noise, brighter each: uint8 (PROBES, side, side, 3)."""
    noise = np.random.default_rng(0).random((PROBES, side, side, 3))
    return np.stack([(noise[index] * 255 * (index + 1) / PROBES).astype(np.uint8) for index in range(PROBES)])


def facts(
    card: Card, rows: np.ndarray, numbers: int, why: str, activation: str = "", parameters: int = 0, flops: int = 0
) -> Facts:
    """The facts, after what the network said of the probes has been looked at. Raises NotAllowed."""
    if rows.shape != (PROBES, numbers) or not np.isfinite(rows).all():
        raise NotAllowed(_("its answers to some pictures of noise are no numbers"))
    output = kind_of_output(rows, activation)
    classes = OUTPUTS[output](rows).shape[1]
    if classes < 2:
        raise NotAllowed(_("it knows one class; a classifier knows two or more"))
    return Facts(card.input_size, classes, parameters, flops, card.scaling, output, why)


if __name__ == "__main__":
    given = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    answer_apart(lambda: asdict(look(*given)))
