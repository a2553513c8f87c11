"""What a stranger's model file is, found out in a process of its own.

The process is `python -m model.intake.inspection FILE SCALING HEIGHT WIDTH CLASSES`.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.common.sandbox import TIMEOUT_SECONDS, print_result, run_sandboxed
from model.datasets.class_name_files import Names
from model.formats.class_output import last_activation, tflite_class_output, tflite_last_activation
from model.formats.tflite_operations import read_operations
from model.i18n.number_format import integer
from model.i18n.translations import gettext as _
from model.inference.classifier import compiled, load_tflite, read_network
from model.intake.scaling_detection import Means, find_in_keras, find_in_tflite, names_for, probe_card, said
from model.intake.scaling_evidence import Finding
from model.intake.tflite_metadata import read_labels, read_metadata
from model.registry.card import Card
from model.signature.outputs import MISS, OUTPUTS, kind_of_output, quantised_miss
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

MAX_SIDE = 1024  # pixels of the pictures that a network may want
LEAST_SIDE = 8  # of a picture in an input without channels: (n, 100, 3) is rather a series of numbers
MAX_CLASSES = 25_000
PROBES = 4
Sides = tuple[int, int]  # height and width


@dataclass(frozen=True)
class Facts:
    """What a network is.

    classes: how many; source and why: how the scaling is known (READ, TRIED, …), and by what, as a sentence's part;
    labels: the classes' names that the file brings along, or none.
    """

    input_size: int
    classes: int
    parameters: int
    flops: int
    scaling: str
    output: str
    source: str
    why: str
    input_width: int = 0
    channels: int = 3
    labels: Names = field(default_factory=list)


def inspect(
    path: Path,
    scaling: str = "",
    input_size: int = 0,
    input_width: int = 0,
    classes: str = "",
    seconds: float = TIMEOUT_SECONDS,
) -> Facts:
    """Look a .keras, .h5 or .tflite file over in another process. Raises UnsafeModelError.

    scaling: a name of SCALINGS, or nothing to find it out; input_size, input_width: for networks that take pictures of
    any size, without a width for squares; classes: a JSON file of their names, or nothing.
    """
    wishes = scaling, str(input_size), str(input_width), classes
    return Facts(**run_sandboxed("model.intake.inspection", [str(path.absolute()), *wishes], seconds))


def look(path: Path, scaling: str, size: int, width: int = 0, classes: str = "") -> Facts:
    looks = look_tflite if path.suffix == ".tflite" else look_keras
    return looks(path, scaling, (size, width or size), classes)


def look_keras(path: Path, scaling: str, sides: Sides, classes: str) -> Facts:
    """The facts of a .keras or .h5 file; its description is checked before Keras is even imported."""
    network = read_network(path)
    check_count(len(network.inputs))
    given = network.inputs[0].shape
    shape = check_input(tuple(given), sides)
    numbers = check_output(tuple(network.outputs[0].shape))
    means = last_activation(network), MISS
    try:
        found = said(scaling) if scaling else find_in_keras(network, shape, means, partial(names_for, classes))
        card = probe_card(shape, found.scaling)
        rows = compiled(network, card)(probes(shape))
    except UnsafeModelError:
        raise
    except Exception as error:
        if given[0] is None:
            raise
        raise UnsafeModelError(
            _("it takes exactly {count} pictures at a time; any number should do").format(count=given[0])
        ) from error
    return facts(card, rows, numbers, found, means, int(network.count_params()), cost_of(network, shape))


def cost_of(network: keras.Model, shape: InputShape) -> int:
    """The operations for one picture of that shape; 0, for not known, where the network cannot be copied for it."""
    from model.networks.flops import count_flops

    try:
        return count_flops(network, tuple(shape))
    except Exception:  # what is in the file is not ours: Keras raises nearly anything
        return 0


def check_count(inputs: int) -> None:
    if inputs != 1:
        raise UnsafeModelError(_("it has {count} inputs; one is taken, the picture").format(count=inputs))


def check_input(shape: tuple[int | None, ...], sides: Sides) -> InputShape:
    """The shape of the pictures that an input takes. Raises UnsafeModelError for anything but RGB and grey pictures.

    sides: height and width that were wished, 0 for none; they are needed where the input leaves them open.
    """
    if len(shape) == 3 and min(side or MAX_SIDE for side in shape[1:]) >= LEAST_SIDE:
        shape = *shape, 1  # grey without an axis for its one channel
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise UnsafeModelError(
            _("it takes {shape}; pictures are (n, height, width, 3), or (n, height, width, 1) for grey").format(
                shape=spelled(shape)
            )
        )
    found = InputShape(shape[1] or sides[0], shape[2] or sides[1], shape[3])
    if not found.height or not found.width:
        raise UnsafeModelError(_("it takes pictures of any size; say with --input-size how large they should be"))
    if sides not in ((0, 0), (found.height, found.width)):
        raise UnsafeModelError(
            _("it takes pictures of {height} x {width} pixels, not of {wished_height} x {wished_width}").format(
                height=found.height, width=found.width, wished_height=sides[0], wished_width=sides[1]
            )
        )
    if not 1 <= min(found.height, found.width) <= found.longest <= MAX_SIDE:
        raise UnsafeModelError(
            _("it takes pictures of {height} x {width} pixels; up to {max_side} x {max_side} are taken").format(
                height=found.height, width=found.width, max_side=MAX_SIDE
            )
        )
    return found


def check_output(shape: tuple[int | None, ...]) -> int:
    """How many numbers a picture gets. Raises UnsafeModelError for anything but a row."""
    if len(shape) != 2 or not shape[1] or not 1 <= shape[1] <= MAX_CLASSES:
        raise UnsafeModelError(
            _("it gives {shape}; a classifier gives (n, classes), up to {max_classes} of them").format(
                shape=spelled(shape), max_classes=integer(MAX_CLASSES)
            )
        )
    return shape[1]


def spelled(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('n' if not side else str(side) for side in shape)})"


def look_tflite(path: Path, scaling: str, sides: Sides, classes: str) -> Facts:
    """The facts of a .tflite file, float or quantised."""
    from ai_edge_litert.interpreter import Interpreter

    operations = read_operations(path)
    content = path.read_bytes()
    metadata = read_metadata(content)
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    given = interpreter.get_input_details()
    check_count(len(given))
    result = tflite_class_output(interpreter.get_output_details())
    if given[0]["dtype"] not in (np.uint8, np.int8, np.float32):
        raise UnsafeModelError(
            _("its input is {name}; uint8, int8 and float32 are taken").format(name=np.dtype(given[0]["dtype"]).name)
        )
    shape = check_input(signature_of(given[0]), sides)
    numbers = check_output(tuple(int(length) for length in result["shape"]))
    means = tflite_last_activation(operations, result["index"]), quantised_miss(result["quantization"][0], numbers)
    labels = read_labels(content, metadata)
    naming = partial(names_for, classes, labels=labels)
    found = said(scaling) if scaling else find_in_tflite(path, given[0], shape, metadata, means, naming)
    card = probe_card(shape, found.scaling)
    rows = load_tflite(path, card)(probes(shape))
    weights = sum(operation.weights for operation in operations)
    return replace(facts(card, rows, numbers, found, means, weights), labels=labels)


def signature_of(given: dict[str, Any]) -> tuple[int | None, ...]:
    """The shape of an input; None for any length. LiteRT says -1 for that, and older files 1, as if it were fixed."""
    count, *sides = (int(length) for length in given["shape"])
    known = [int(length) for length in given["shape_signature"]][1:]
    if len(known) != len(sides):
        known = sides
    return (count, *(None if length < 2 and place < 2 else length for place, length in enumerate(known)))


def probes(shape: InputShape) -> np.ndarray:
    """Pictures of noise, brighter each: uint8 (PROBES, height, width, channels)."""
    noise = np.random.default_rng(0).random((PROBES, *shape))
    return np.stack([(noise[index] * 255 * (index + 1) / PROBES).astype(np.uint8) for index in range(PROBES)])


def facts(
    card: Card, rows: np.ndarray, numbers: int, found: Finding, means: Means, parameters: int, flops: int = 0
) -> Facts:
    """The facts, after what the network said of the probes has been looked at. Raises UnsafeModelError.

    means: the last activation, and by how much probabilities may miss 1, as `kind_of_output` takes them.
    """
    if rows.shape != (PROBES, numbers) or not np.isfinite(rows).all():
        raise UnsafeModelError(_("its answers to some pictures of noise are no numbers"))
    if (means[0], numbers) == ("softmax", 1):
        raise UnsafeModelError(_("its one number is a softmax, which is always 1; one number needs a sigmoid"))
    output = kind_of_output(rows, *means)
    classes = OUTPUTS[output](rows).shape[1]
    if classes < 2:
        raise UnsafeModelError(_("it knows one class; a classifier knows two or more"))
    shape = card.input_size, card.input_width, card.channels
    return Facts(shape[0], classes, parameters, flops, card.scaling, output, found.source, found.why, *shape[1:])


if __name__ == "__main__":
    given = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    print_result(lambda: asdict(look(*given)))
