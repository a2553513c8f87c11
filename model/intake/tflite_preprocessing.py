"""What a .tflite network does to its pictures before its first weights, and what it was calibrated on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model.formats.allowlist import word_set
from model.i18n.translations import gettext as _
from model.inference.classifier import as_held, from_tensor
from model.intake.keras_preprocessing import affine_of
from model.intake.scaling_evidence import Affine, Finding, by_arithmetic, by_range, range_apart
from model.signature.scaling import GUESSED, SCALINGS
from model.signature.shapes import InputShape

# Operations that may stand before the first weights and leave a pixel a number that can be told from it.
PASSING = word_set(
    """
    ADD BROADCAST_TO CAST CONCATENATION DEQUANTIZE DIV EXPAND_DIMS GATHER MAXIMUM MINIMUM MIRROR_PAD MUL NEG PACK PAD
    PADV2 QUANTIZE RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 SLICE SPLIT SPLIT_V SQUEEZE STRIDED_SLICE
    SUB TRANSPOSE UNPACK
    """
)
FIRST = word_set("CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED")
SMALL = 0.1  # of weights that make numbers of about 1 from 0 to 255; those that make them from 0 to 1 have 1 to 5
FAR = 0.5  # a range of calibration that misses more of a convention's, in widths, was not made by it
NEAR = 0.3  # a range of calibration may miss so much of a convention's, in widths


def read_start(path: Path, shape: InputShape) -> Finding | None:
    """What a network wants for a pixel, by its own arithmetic or by the range of its first quantisation.

    Where it has both, the range must allow what the arithmetic says: a tensor may share its range with another one.
    """
    quantised, last, _weights = start_of(path.read_bytes())
    interpreter = keeping_all(path, shape)
    details = {entry["index"]: entry for entry in interpreter.get_tensor_details()}
    given = interpreter.get_input_details()[0]
    first = given if given["quantization"][0] else details.get(quantised, given)
    found = None
    if last not in (None, given["index"], quantised):
        between = partial(affine_between, interpreter, details[last], shape)
        if not first["quantization"][0]:
            return arithmetic(between(0.0, 255.0))
        found = within(range_of(first), between)
    if not first["quantization"][0]:
        return None
    ranged = by_quantisation(first)
    return found if found and (found.scaling, found.source) != (ranged.scaling, ranged.source) else ranged


def arithmetic(affine: Affine | None) -> Finding | None:
    return by_arithmetic(affine) if affine else None


def within(ends: tuple[float, float], between: Callable[[float, float], Affine | None]) -> Finding | None:
    """What the arithmetic of a quantised network says, asked in no wider a range than each convention has.

    Beyond that its tensors are full: black becomes the same as what is darker than black.
    """
    for name, scaling in SCALINGS.items():
        low, high = max(ends[0], scaling.ends[0]), min(ends[1], scaling.ends[1])
        found = arithmetic(between(low, high)) if range_apart(ends, scaling.ends) < FAR else None
        if found and found.scaling == name:
            return found
    return None


def affine_between(interpreter: Any, last: dict[str, Any], shape: InputShape, low: float, high: float) -> Affine | None:
    """What a network makes of numbers in a range up to the tensor `last`; None where that is no map of colours."""
    given = interpreter.get_input_details()[0]
    step = (high - low) / 255

    def apply(pictures: np.ndarray) -> np.ndarray:
        numbers = (low + pictures * step).reshape(given["shape"]).astype(np.float32)
        interpreter.set_tensor(given["index"], as_held(numbers, given))
        interpreter.invoke()
        return from_tensor(interpreter.get_tensor(last["index"]), last)

    found = affine_of(apply, shape)
    return found and Affine(found.matrix / step, found.offset - (found.matrix / step).sum(axis=1) * low)


def by_weights(path: Path, shape: InputShape) -> Finding | None:
    """A guess by the size of a float network's first weights, None where they have the size of most.

    The converter multiplies a division by 255 into the weights that follow it: nothing else is left of it.
    """
    _quantised, _last, weights = start_of(path.read_bytes())
    if not weights:
        return None
    interpreter = keeping_all(path, shape)
    given = interpreter.get_input_details()[0]
    interpreter.set_tensor(given["index"], np.zeros(given["shape"], np.float32))
    interpreter.invoke()  # weights of half precision are unpacked by that
    sizes = [size_of(interpreter.get_tensor(tensor), kind) for tensor, kind in weights]
    if all(1e-6 < size < SMALL for size in sizes):
        return Finding("none", GUESSED, _("its first weights are as small as those for numbers of 0 to 255"))
    return None


def size_of(weights: np.ndarray, kind: str) -> float:
    """By how much a layer's weights make numbers larger, about; 0 for weights that are not float32."""
    if weights.dtype != np.float32:
        return 0.0
    together = weights.shape[1:3] if kind == "DEPTHWISE_CONV_2D" else weights.shape[1:]  # that make one number
    return float(np.sqrt(np.mean(np.square(weights, dtype=np.float64)) * np.prod(together)))


def by_quantisation(details: dict[str, Any]) -> Finding:
    """What a quantised tensor of pixels stands for: the convention whose range is the nearest to its own."""
    low, high = range_of(details)
    kind = np.dtype(details["dtype"]).name
    said = _("its {kind} input stands for {low:.3g} to {high:.3g}").format(kind=kind, low=low, high=high)
    return by_range(low, high, said, NEAR)


def range_of(details: dict[str, Any]) -> tuple[float, float]:
    """The lowest and the highest number that a quantised tensor can hold."""
    step, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return (limits.min - zero) * float(step), (limits.max - zero) * float(step)


def keeping_all(path: Path, shape: InputShape) -> Any:
    """An interpreter whose tensors between the first and the last can be looked at."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path),
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    given = interpreter.get_input_details()[0]
    # A network of grey pictures may have no axis for their one channel.
    interpreter.resize_tensor_input(given["index"], (1, *shape)[: len(given["shape"])])
    interpreter.allocate_tensors()
    return interpreter


def start_of(content: bytes) -> tuple[int | None, int | None, list[tuple[int, str]]]:
    """The tensor that the pictures are quantised into at once, and the last that only prepares them; None for neither.

    Beside them the weights of the layers that follow, each with the layer's kind. The file has been held against the
    list of operations already.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    prepared, following, quantised = {graph.Inputs(0)}, set(), None
    weights: list[tuple[int, str]] = []
    constant = {index for index in range(graph.TensorsLength()) if is_constant(model, graph.Tensors(index))}
    for place in range(graph.OperatorsLength()):
        operator = graph.Operators(place)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        given = {operator.Inputs(number) for number in range(operator.InputsLength())} - constant - {-1}
        if not given & prepared:
            continue
        if kind == "QUANTIZE" and given == {graph.Inputs(0)}:
            quantised = operator.Outputs(0)
        if kind in PASSING and given <= prepared:
            prepared |= {operator.Outputs(number) for number in range(operator.OutputsLength())}
        else:
            following |= given & prepared
            if kind in FIRST:
                weights.append((operator.Inputs(1), kind))
    return quantised, next(iter(following)) if len(following) == 1 else None, weights


def is_constant(model: Any, tensor: Any) -> bool:
    buffer = model.Buffers(tensor.Buffer())
    return bool(buffer.DataLength()) or buffer.Offset() > 1
