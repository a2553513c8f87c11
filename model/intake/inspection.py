"""Inspect an untrusted model file in a sandbox.

The sandbox runs `python -m model.intake.inspection FILE SCALING HEIGHT WIDTH CLASSES`.
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
from model.inference.classifier import compile_network, read_network
from model.inference.lite import load_tflite
from model.intake.scaling_detection import (
    OutputHints,
    confirmed_scaling,
    detect_keras_scaling,
    detect_tflite_scaling,
    names_or_numbers,
    probe_card,
)
from model.intake.scaling_evidence import Finding
from model.intake.tflite_metadata import read_labels, read_metadata
from model.registry.card import Card
from model.signature.outputs import OUTPUTS, SUM_TOLERANCE, detect_output, quantized_sum_tolerance
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

_MAX_SIDE = 1024  # pixels
_MIN_GREY_SIDE = 8  # pixels of a grey picture without a channel axis: (n, 100, 3) is rather a time series
_MAX_CLASSES = 25_000
_PROBES = 4
_Sides = tuple[int, int]  # height and width


@dataclass(frozen=True)
class Facts:
    """What was found out about a network.

    Attributes:
        classes: The number of classes.
        source: How the scaling is known: READ, TRIED, ….
        why: The evidence for the scaling, as part of a sentence.
        labels: The class names in the file, if any.
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
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Facts:
    """Inspect a .keras, .h5 or .tflite file in a sandbox.

    Args:
        path: The file.
        scaling: A name of SCALINGS, or "" to detect it.
        input_size: The height of the pictures, for networks that take any size.
        input_width: Their width; 0 for squares.
        classes: A JSON file of class names, or "".
        timeout_seconds: Limit for the sandbox.

    Raises:
        UnsafeModelError: The file is refused; the message is the reason.
    """
    wishes = scaling, str(input_size), str(input_width), classes
    return Facts(**run_sandboxed("model.intake.inspection", [str(path.absolute()), *wishes], timeout_seconds))


def inspect_here(path: Path, scaling: str, size: int, width: int = 0, classes: str = "") -> Facts:
    """Inspect a file in this process, without a sandbox."""
    looks = _inspect_tflite if path.suffix == ".tflite" else _inspect_keras
    return looks(path, scaling, (size, width or size), classes)


def _inspect_keras(path: Path, scaling: str, sides: _Sides, classes: str) -> Facts:
    """Inspect a .keras or .h5 file; its description is checked before Keras is imported."""
    network = read_network(path)
    _check_input_count(len(network.inputs))
    given = network.inputs[0].shape
    shape = _check_input(tuple(given), sides)
    numbers = _check_output(tuple(network.outputs[0].shape))
    means = last_activation(network), SUM_TOLERANCE
    try:
        found = (
            confirmed_scaling(scaling)
            if scaling
            else detect_keras_scaling(network, shape, means, partial(names_or_numbers, classes))
        )
        card = probe_card(shape, found.scaling)
        rows = compile_network(network, card)(_noise_probes(shape))
    except UnsafeModelError:
        raise
    except Exception as error:
        if given[0] is None:
            raise
        raise UnsafeModelError(
            _("it takes exactly {count} pictures at a time; any number should do").format(count=given[0])
        ) from error
    return _collect_facts(
        card, rows, numbers, found, means, int(network.count_params()), _count_flops_or_zero(network, shape)
    )


def _count_flops_or_zero(network: keras.Model, shape: InputShape) -> int:
    """Count the operations for one picture; 0 if Keras cannot tell."""
    from model.networks.flops import count_flops

    try:
        return count_flops(network, tuple(shape))
    except Exception:  # Keras raises nearly anything on untrusted files
        return 0


def _check_input_count(inputs: int) -> None:
    if inputs != 1:
        raise UnsafeModelError(_("it has {count} inputs; one is taken, the picture").format(count=inputs))


def _check_input(shape: tuple[int | None, ...], sides: _Sides) -> InputShape:
    """Return the input shape; raise UnsafeModelError unless the input is RGB or grey pictures.

    Args:
        shape: The shape of the network's input; None for any length.
        sides: The requested height and width, 0 for none; needed if the input leaves them open.
    """
    if len(shape) == 3 and min(side or _MAX_SIDE for side in shape[1:]) >= _MIN_GREY_SIDE:
        shape = *shape, 1  # grey without an axis for its one channel
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise UnsafeModelError(
            _("it takes {shape}; pictures are (n, height, width, 3), or (n, height, width, 1) for grey").format(
                shape=_format_shape(shape)
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
    if not 1 <= min(found.height, found.width) <= found.longest <= _MAX_SIDE:
        raise UnsafeModelError(
            _("it takes pictures of {height} x {width} pixels; up to {max_side} x {max_side} are taken").format(
                height=found.height, width=found.width, max_side=_MAX_SIDE
            )
        )
    return found


def _check_output(shape: tuple[int | None, ...]) -> int:
    """Return the number of scores per picture; raise UnsafeModelError unless the output is (n, classes)."""
    if len(shape) != 2 or not shape[1] or not 1 <= shape[1] <= _MAX_CLASSES:
        raise UnsafeModelError(
            _("it gives {shape}; a classifier gives (n, classes), up to {max_classes} of them").format(
                shape=_format_shape(shape), max_classes=integer(_MAX_CLASSES)
            )
        )
    return shape[1]


def _format_shape(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('n' if not side else str(side) for side in shape)})"


def _inspect_tflite(path: Path, scaling: str, sides: _Sides, classes: str) -> Facts:
    """Inspect a .tflite file, float or quantized."""
    from ai_edge_litert.interpreter import Interpreter

    operations = read_operations(path)
    content = path.read_bytes()
    metadata = read_metadata(content)
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    given = interpreter.get_input_details()
    _check_input_count(len(given))
    result = tflite_class_output(interpreter.get_output_details())
    if given[0]["dtype"] not in (np.uint8, np.int8, np.float32):
        raise UnsafeModelError(
            _("its input is {name}; uint8, int8 and float32 are taken").format(name=np.dtype(given[0]["dtype"]).name)
        )
    shape = _check_input(_input_signature(given[0]), sides)
    numbers = _check_output(tuple(int(length) for length in result["shape"]))
    means = (
        tflite_last_activation(operations, result["index"]),
        quantized_sum_tolerance(result["quantization"][0], numbers),
    )
    labels = read_labels(content, metadata)
    naming = partial(names_or_numbers, classes, labels=labels)
    found = (
        confirmed_scaling(scaling) if scaling else detect_tflite_scaling(path, given[0], shape, metadata, means, naming)
    )
    card = probe_card(shape, found.scaling)
    rows = load_tflite(path, card)(_noise_probes(shape))
    weights = sum(operation.weights for operation in operations)
    return replace(_collect_facts(card, rows, numbers, found, means, weights), labels=labels)


def _input_signature(given: dict[str, Any]) -> tuple[int | None, ...]:
    """Return the shape of an input, with None for any length: LiteRT says -1, older files say 1."""
    count, *sides = (int(length) for length in given["shape"])
    known = [int(length) for length in given["shape_signature"]][1:]
    if len(known) != len(sides):
        known = sides
    return (count, *(None if length < 2 and place < 2 else length for place, length in enumerate(known)))


def _noise_probes(shape: InputShape) -> np.ndarray:
    """Return pictures of noise of increasing brightness: uint8 (_PROBES, height, width, channels)."""
    noise = np.random.default_rng(0).random((_PROBES, *shape))
    return np.stack([(noise[index] * 255 * (index + 1) / _PROBES).astype(np.uint8) for index in range(_PROBES)])


def _collect_facts(
    card: Card, rows: np.ndarray, numbers: int, found: Finding, means: OutputHints, parameters: int, flops: int = 0
) -> Facts:
    """Check the network's answers to the noise, and collect the facts.

    `means`: the last activation, and the tolerance of the sum of probabilities, as for `kind_of_output`.
    """
    if rows.shape != (_PROBES, numbers) or not np.isfinite(rows).all():
        raise UnsafeModelError(_("its answers to some pictures of noise are no numbers"))
    if (means[0], numbers) == ("softmax", 1):
        raise UnsafeModelError(_("its one number is a softmax, which is always 1; one number needs a sigmoid"))
    output = detect_output(rows, *means)
    classes = OUTPUTS[output](rows).shape[1]
    if classes < 2:
        raise UnsafeModelError(_("it knows one class; a classifier knows two or more"))
    shape = card.input_size, card.input_width, card.channels
    return Facts(shape[0], classes, parameters, flops, card.scaling, output, found.source, found.why, *shape[1:])


if __name__ == "__main__":
    given = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    print_result(lambda: asdict(inspect_here(*given)))
