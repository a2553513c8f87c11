"""What a stranger's model file is, found out in a process of its own.

The process is `python -m model.inspection FILE SCALING HEIGHT WIDTH`.
"""

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
from model.ends import last_activation, lite_activation, lite_row
from model.language import gettext as _
from model.operations import read_operations
from model.outputs import MISS, OUTPUTS, kind_of_output, quantised_miss
from model.scaling import SCALINGS
from model.shapes import InputShape

if TYPE_CHECKING:
    import keras

MAX_SIDE = 1024  # pixels of the pictures that a network may want
LEAST_SIDE = 8  # of a picture in an input without channels: (n, 100, 3) is rather a series of numbers
MAX_CLASSES = 25_000
PROBES = 4
SCALING_LAYERS = {"Rescaling", "Normalization"}
Sides = tuple[int, int]  # height and width


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
    input_width: int = 0
    channels: int = 3


def inspect(
    path: Path, scaling: str = "", input_size: int = 0, input_width: int = 0, seconds: float = SECONDS
) -> Facts:
    """Look a .keras, .h5 or .tflite file over in another process. Raises NotAllowed with the reason as half a sentence.

    scaling: a name of SCALINGS, or nothing for a guess; input_size, input_width: for networks that take pictures of any
    size, without a width for squares.
    """
    wishes = scaling, str(input_size), str(input_width)
    return Facts(**ask_apart("model.inspection", [str(path.absolute()), *wishes], seconds))


def look(path: Path, scaling: str, size: int, width: int = 0) -> Facts:
    sides = size, width or size
    return look_tflite(path, scaling, sides) if path.suffix == ".tflite" else look_keras(path, scaling, sides)


def look_keras(path: Path, scaling: str, sides: Sides) -> Facts:
    """The facts of a .keras or .h5 file; its description is checked before Keras is even imported."""
    from model.flops import count_flops

    description = read_checked(path)
    network = read_network(path)
    check_count(len(network.inputs))
    given = network.inputs[0].shape
    shape = check_input(tuple(given), sides)
    numbers = check_output(tuple(network.outputs[0].shape))
    chosen, why = guess_keras(network, description) if not scaling else (scaling, _("as you said"))
    card = probe_card(shape, chosen)
    try:
        rows = compiled(network, card)(probes(shape))
    except Exception as error:
        if given[0] is None:
            raise
        raise NotAllowed(
            _("it takes exactly {count} pictures at a time; any number should do").format(count=given[0])
        ) from error
    means = last_activation(network), MISS
    return facts(card, rows, numbers, why, means, int(network.count_params()), count_flops(network))


def check_count(inputs: int) -> None:
    if inputs != 1:
        raise NotAllowed(_("it has {count} inputs; one is taken, the picture").format(count=inputs))


def check_input(shape: tuple[int | None, ...], sides: Sides) -> InputShape:
    """The shape of the pictures that an input takes. Raises NotAllowed for anything but RGB and grey pictures.

    sides: height and width that were wished, 0 for none; they are needed where the input leaves them open.
    """
    if len(shape) == 3 and min(side or MAX_SIDE for side in shape[1:]) >= LEAST_SIDE:
        shape = *shape, 1  # grey without an axis for its one channel
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise NotAllowed(
            _("it takes {shape}; pictures are (n, height, width, 3), or (n, height, width, 1) for grey").format(
                shape=spelled(shape)
            )
        )
    found = InputShape(shape[1] or sides[0], shape[2] or sides[1], shape[3])
    if not found.height or not found.width:
        raise NotAllowed(_("it takes pictures of any size; say with --input-size how large they should be"))
    if sides not in ((0, 0), (found.height, found.width)):
        raise NotAllowed(
            _("it takes pictures of {height} x {width} pixels, not of {wished_height} x {wished_width}").format(
                height=found.height, width=found.width, wished_height=sides[0], wished_width=sides[1]
            )
        )
    if not 1 <= min(found.height, found.width) <= found.longest <= MAX_SIDE:
        raise NotAllowed(
            _("it takes pictures of {height} x {width} pixels; up to {max_side} x {max_side} are taken").format(
                height=found.height, width=found.width, max_side=MAX_SIDE
            )
        )
    return found


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


def look_tflite(path: Path, scaling: str, sides: Sides) -> Facts:
    """The facts of a .tflite file, float or quantised."""
    from ai_edge_litert.interpreter import Interpreter

    operations = read_operations(path)
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    given = interpreter.get_input_details()
    check_count(len(given))
    result = lite_row(interpreter.get_output_details())
    if given[0]["dtype"] not in (np.uint8, np.int8, np.float32):
        raise NotAllowed(
            _("its input is {name}; uint8, int8 and float32 are taken").format(name=np.dtype(given[0]["dtype"]).name)
        )
    # -1 stands for any length; the shape beside it says 1 there.
    shape = check_input(tuple(int(side) if side >= 0 else None for side in given[0]["shape_signature"]), sides)
    numbers = check_output(tuple(int(length) for length in result["shape"]))
    chosen, why = guess_tflite(given[0]) if not scaling else (scaling, _("as you said"))
    card = probe_card(shape, chosen)
    rows = load_tflite(path, card)(probes(shape))
    means = lite_activation(operations, result["index"]), quantised_miss(result["quantization"][0], numbers)
    return facts(card, rows, numbers, why, means, sum(operation.weights for operation in operations))


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


def probe_card(shape: InputShape, scaling: str) -> Card:
    if scaling not in SCALINGS:
        raise NotAllowed(
            _("{scaling!r} is no scaling; scalings: {names}").format(scaling=scaling, names=", ".join(SCALINGS))
        )
    own_width = shape.width if shape.width != shape.height else 0
    return Card("", (), shape.height, 0, 0, "", "", "", scaling=scaling, input_width=own_width, channels=shape.channels)


def probes(shape: InputShape) -> np.ndarray:
    """Pictures of noise, brighter each: uint8 (PROBES, height, width, channels)."""
    noise = np.random.default_rng(0).random((PROBES, *shape))
    return np.stack([(noise[index] * 255 * (index + 1) / PROBES).astype(np.uint8) for index in range(PROBES)])


def facts(
    card: Card, rows: np.ndarray, numbers: int, why: str, means: tuple[str, float], parameters: int, flops: int = 0
) -> Facts:
    """The facts, after what the network said of the probes has been looked at. Raises NotAllowed.

    means: the last activation, and by how much probabilities may miss 1, as `kind_of_output` takes them.
    """
    if rows.shape != (PROBES, numbers) or not np.isfinite(rows).all():
        raise NotAllowed(_("its answers to some pictures of noise are no numbers"))
    output = kind_of_output(rows, *means)
    classes = OUTPUTS[output](rows).shape[1]
    if classes < 2:
        raise NotAllowed(_("it knows one class; a classifier knows two or more"))
    shape = card.input_size, card.input_width, card.channels
    return Facts(shape[0], classes, parameters, flops, card.scaling, output, why, *shape[1:])


if __name__ == "__main__":
    given = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    answer_apart(lambda: asdict(look(*given)))
