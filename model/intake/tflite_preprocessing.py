"""Find what a .tflite network does to pictures before its first weights, and the range it was calibrated on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from model.formats.allowlist import word_set
from model.i18n.translations import gettext as _
from model.inference.lite import numbers_to_tensor, tensor_to_numbers
from model.intake.keras_preprocessing import fit_affine
from model.intake.scaling_evidence import Affine, Finding, range_distance, scaling_from_arithmetic, scaling_from_range
from model.signature.scaling import GUESSED, SCALINGS
from model.signature.shapes import InputShape

# Operations that may come before the first weights and map each pixel to a value.
_PASSING = word_set(
    """
    ADD BROADCAST_TO CAST CONCATENATION DEQUANTIZE DIV EXPAND_DIMS GATHER MAXIMUM MINIMUM MIRROR_PAD MUL NEG PACK PAD
    PADV2 QUANTIZE RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 SLICE SPLIT SPLIT_V SQUEEZE STRIDED_SLICE
    SUB TRANSPOSE UNPACK
    """
)
_FIRST = word_set("CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED")
_SMALL = 0.1  # gain of weights made for pixels of 0 to 255; those made for 0 to 1 have a gain of 1 to 5
_FAR = 0.5  # in widths; a calibrated range that differs more does not come from a scaling
_NEAR = 0.3  # in widths; how much a calibrated range may differ from its scaling's


def read_start(path: Path, shape: InputShape) -> Finding | None:
    """Return the scaling that the network's arithmetic or the range of its first quantization shows.

    If there are both, the range must confirm the arithmetic, because tensors may share a range.
    """
    quantised, last, _weights = _start_of(path.read_bytes())
    interpreter = _keep_all_tensors(path, shape)
    details = {entry["index"]: entry for entry in interpreter.get_tensor_details()}
    given = interpreter.get_input_details()[0]
    first = given if given["quantization"][0] else details.get(quantised, given)
    found = None
    if last not in (None, given["index"], quantised):
        between = partial(_affine_between, interpreter, details[last], shape)
        if not first["quantization"][0]:
            return _arithmetic(between(0.0, 255.0))
        found = _within(_range_of(first), between)
    if not first["quantization"][0]:
        return None
    ranged = _scaling_from_quantization(first)
    return found if found and (found.scaling, found.source) != (ranged.scaling, ranged.source) else ranged


def _arithmetic(affine: Affine | None) -> Finding | None:
    return scaling_from_arithmetic(affine) if affine else None


def _within(ends: tuple[float, float], between: Callable[[float, float], Affine | None]) -> Finding | None:
    """Return the scaling that a quantized network's arithmetic shows, evaluated only within the range of each scaling.

    Beyond that its tensors saturate: black and anything darker become the same.
    """
    for name, scaling in SCALINGS.items():
        low, high = max(ends[0], scaling.value_range[0]), min(ends[1], scaling.value_range[1])
        found = _arithmetic(between(low, high)) if range_distance(ends, scaling.value_range) < _FAR else None
        if found and found.scaling == name:
            return found
    return None


def _affine_between(
    interpreter: Any, last: dict[str, Any], shape: InputShape, low: float, high: float
) -> Affine | None:
    """Return the affine map from pixels in a range to the tensor `last`; None if it is not affine."""
    given = interpreter.get_input_details()[0]
    step = (high - low) / 255

    def apply(pictures: np.ndarray) -> np.ndarray:
        numbers = (low + pictures * step).reshape(given["shape"]).astype(np.float32)
        interpreter.set_tensor(given["index"], numbers_to_tensor(numbers, given))
        interpreter.invoke()
        return tensor_to_numbers(interpreter.get_tensor(last["index"]), last)

    found = fit_affine(apply, shape)
    return found and Affine(found.matrix / step, found.offset - (found.matrix / step).sum(axis=1) * low)


def scaling_from_weights(path: Path, shape: InputShape) -> Finding | None:
    """Guess the scaling from the size of a float network's first weights; None if that is as usual.

    The converter merges a division by 255 into the weights that follow it, and leaves no other trace.
    """
    _quantised, _last, weights = _start_of(path.read_bytes())
    if not weights:
        return None
    interpreter = _keep_all_tensors(path, shape)
    given = interpreter.get_input_details()[0]
    interpreter.set_tensor(given["index"], np.zeros(given["shape"], np.float32))
    interpreter.invoke()  # this unpacks float16 weights
    sizes = [_size_of(interpreter.get_tensor(tensor), kind) for tensor, kind in weights]
    if all(1e-6 < size < _SMALL for size in sizes):
        return Finding("none", GUESSED, _("its first weights are as small as those for numbers of 0 to 255"))
    return None


def _size_of(weights: np.ndarray, kind: str) -> float:
    """Return about how much a layer's weights amplify their input; 0 unless they are float32."""
    if weights.dtype != np.float32:
        return 0.0
    together = (
        weights.shape[1:3] if kind == "DEPTHWISE_CONV_2D" else weights.shape[1:]
    )  # axes that are summed into one output
    return float(np.sqrt(np.mean(np.square(weights, dtype=np.float64)) * np.prod(together)))


def _scaling_from_quantization(details: dict[str, Any]) -> Finding:
    """Return the scaling whose range is closest to that of a quantized input."""
    low, high = _range_of(details)
    kind = np.dtype(details["dtype"]).name
    said = _("its {kind} input stands for {low:.3g} to {high:.3g}").format(kind=kind, low=low, high=high)
    return scaling_from_range(low, high, said, _NEAR)


def _range_of(details: dict[str, Any]) -> tuple[float, float]:
    """Return the lowest and the highest value of a quantized tensor."""
    step, zero = details["quantization"]
    limits = np.iinfo(details["dtype"])
    return (limits.min - zero) * float(step), (limits.max - zero) * float(step)


def _keep_all_tensors(path: Path, shape: InputShape) -> Any:
    """Return an interpreter that keeps the values of all tensors."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path),
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    given = interpreter.get_input_details()[0]
    # A network for grey pictures may have no channel axis.
    interpreter.resize_tensor_input(given["index"], (1, *shape)[: len(given["shape"])])
    interpreter.allocate_tensors()
    return interpreter


def _start_of(content: bytes) -> tuple[int | None, int | None, list[tuple[int, str]]]:
    """Find where preparation of the pictures ends; the file's operations have been checked before.

    Returns:
        The tensor that the pictures are quantized into (or None), the last tensor that only prepares them (or None),
            and the weights of the layers that follow, each with the kind of its layer.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    prepared, following, quantised = {graph.Inputs(0)}, set(), None
    weights: list[tuple[int, str]] = []
    constant = {index for index in range(graph.TensorsLength()) if _is_constant(model, graph.Tensors(index))}
    for place in range(graph.OperatorsLength()):
        operator = graph.Operators(place)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        given = {operator.Inputs(number) for number in range(operator.InputsLength())} - constant - {-1}
        if not given & prepared:
            continue
        if kind == "QUANTIZE" and given == {graph.Inputs(0)}:
            quantised = operator.Outputs(0)
        if kind in _PASSING and given <= prepared:
            prepared |= {operator.Outputs(number) for number in range(operator.OutputsLength())}
        else:
            following |= given & prepared
            if kind in _FIRST:
                weights.append((operator.Inputs(1), kind))
    return quantised, next(iter(following)) if len(following) == 1 else None, weights


def _is_constant(model: Any, tensor: Any) -> bool:
    buffer = model.Buffers(tensor.Buffer())
    return bool(buffer.DataLength()) or buffer.Offset() > 1
