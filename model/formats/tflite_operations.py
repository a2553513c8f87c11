"""Read the operations of an untrusted .tflite file as data, and check them against an allowlist.

Nothing here runs the file or passes it to LiteRT, which trusts what it says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.common.errors import UnsafeModelError
from model.formats.allowlist import short_repr, word_set
from model.i18n.translations import gettext as _

_MAX_TENSOR_SIZE = 2**28  # values in a tensor
# Operations that only calculate: no custom ones, no control flow, no state and no random numbers.
OPERATIONS = word_set(
    """
    ABS ADD ADD_N ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO CAST CEIL
    CONCATENATION CONV_2D CONV_3D CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU EQUAL EXP EXPAND_DIMS
    FAKE_QUANT FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GELU GREATER GREATER_EQUAL HARD_SWISH
    L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_AND LOGICAL_NOT
    LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 POW
    PRELU QUANTIZE RANGE REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT SELECT_V2 SHAPE SIGN SLICE SOFTMAX SPACE_TO_BATCH_ND
    SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TILE TOPK_V2
    TRANSPOSE TRANSPOSE_CONV UNPACK ZEROS_LIKE
    """
)
# Which inputs say how large the result is.
_SIZES = {
    "FILL": (0,),
    "RANGE": (0, 1, 2),
    "TILE": (1,),
    "BROADCAST_TO": (1,),
    "RESHAPE": (1,),
    "PAD": (1,),
    "PADV2": (1,),
    "MIRROR_PAD": (1,),
    "RESIZE_BILINEAR": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "TRANSPOSE_CONV": (0,),
    "SPACE_TO_BATCH_ND": (1, 2),
    "BATCH_TO_SPACE_ND": (1, 2),
    "TOPK_V2": (1,),
}
WITH_WEIGHTS = word_set("CONV_2D CONV_3D DEPTHWISE_CONV_2D FULLY_CONNECTED PRELU TRANSPOSE_CONV")


@dataclass(frozen=True)
class Operation:
    """One operation of a .tflite file.

    Attributes:
        kind: Its name in the format.
        output: The shape of its first result.
        weights: How many learned values it has.
        given: The indices of its input tensors.
        results: The indices of its output tensors.
    """

    kind: str
    output: tuple[int, ...]
    weights: int
    given: tuple[int, ...] = ()
    results: tuple[int, ...] = ()


def read_operations(path: Path) -> list[Operation]:
    """List the operations in order.

    Raises:
        UnsafeModelError: An operation is not on the allowlist, or the file is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = path.read_bytes()
    try:
        model = schema.Model.GetRootAs(content, 0)
        if model.SubgraphsLength() != 1:
            raise UnsafeModelError(_("it holds {count} graphs; one is taken").format(count=model.SubgraphsLength()))
        kinds = [
            _operation_kind(model.OperatorCodes(index), schema)
            for index in _indices(model.OperatorCodesLength(), content)
        ]
        held = [_check_buffer(model.Buffers(index), len(content)) for index in _indices(model.BuffersLength(), content)]
        return _read_graph(model.Subgraphs(0), kinds, held, content)
    except UnsafeModelError:
        raise
    except Exception as error:  # the reader raises nearly anything on malicious files
        raise UnsafeModelError(_("it is damaged, or no .tflite file at all")) from error


def _indices(length: int, content: bytes) -> range:
    """Return the indices of a list of this length, which must fit into the file at 4 bytes per entry or more."""
    if not 0 <= length <= len(content) // 4:
        raise UnsafeModelError(_("it is damaged, or no .tflite file at all"))
    return range(length)


def _operation_kind(code: Any, schema: Any) -> str:
    listed: dict[str, Any] = vars(schema.BuiltinOperator)
    names = {number: name for name, number in listed.items() if not name.startswith("_")}
    # Files from before 2020 have the number only in the deprecated field.
    kind = names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "unknown")
    if kind == "CUSTOM":
        own = (code.CustomCode() or b"").decode("utf-8", "replace")
        raise UnsafeModelError(_("it uses {own}, an operation of its maker").format(own=short_repr(own)))
    if kind not in OPERATIONS:
        raise UnsafeModelError(_("it uses {kind}, which is not one of the operations that are taken").format(kind=kind))
    return kind


def _check_buffer(buffer: Any, size: int) -> bool:
    """Return whether a buffer holds values; refuse one that points outside the file."""
    if buffer.Offset() > 1:
        if buffer.Offset() + buffer.Size() > size:
            raise UnsafeModelError(_("its weights lie outside the file"))
        return True
    return bool(buffer.DataLength())


def _read_graph(graph: Any, kinds: list[str], held: list[bool], content: bytes) -> list[Operation]:
    shapes, constant = [], []
    for index in _indices(graph.TensorsLength(), content):
        tensor = graph.Tensors(index)
        # -1 stands for any length.
        shape = tuple(abs(tensor.Shape(place)) for place in _indices(tensor.ShapeLength(), content))
        if math.prod(shape) > _MAX_TENSOR_SIZE:
            raise UnsafeModelError(_("it has a tensor of {shape} numbers").format(shape=" x ".join(map(str, shape))))
        shapes.append(shape)
        constant.append(held[tensor.Buffer()])
    operations = [
        _read_operation(graph.Operators(index), kinds, shapes, constant)
        for index in _indices(graph.OperatorsLength(), content)
    ]
    inputs = [graph.Inputs(place) for place in _indices(graph.InputsLength(), content)]
    _check_sizes(operations, inputs)
    return operations


def _check_sizes(operations: list[Operation], inputs: list[int]) -> None:
    """Refuse a tensor whose size comes from the pixels: one picture could fill the memory that others do not.

    What a tensor's shape is, which SHAPE tells, is no such thing: the shape of a picture is always the same.
    """
    readers: dict[int, list[Operation]] = {}
    for operation in operations:
        for index in operation.given if operation.kind != "SHAPE" else ():
            readers.setdefault(index, []).append(operation)
    waiting, seen = list(inputs), set(inputs)
    while waiting:
        for operation in readers.get(waiting.pop(), ()):
            new = set(operation.results) - seen
            seen |= new
            waiting += new
    for operation in operations:
        sizes = (operation.given[place] for place in _SIZES.get(operation.kind, ()) if place < len(operation.given))
        if not seen.isdisjoint(sizes):
            raise UnsafeModelError(
                _("what the picture shows decides how large the result of its {kind} is").format(kind=operation.kind)
            )


def _read_operation(operator: Any, kinds: list[str], shapes: list[tuple[int, ...]], constant: list[bool]) -> Operation:
    kind = kinds[operator.OpcodeIndex()]
    given = [operator.Inputs(place) for place in range(min(operator.InputsLength(), len(shapes)))]
    if not all(-1 <= index < len(shapes) for index in given):  # -1 stands for none
        raise UnsafeModelError(_("it is damaged, or no .tflite file at all"))
    learnt = [math.prod(shapes[index]) for index in given if index >= 0 and constant[index]]
    results = tuple(operator.Outputs(place) for place in range(min(operator.OutputsLength(), len(shapes))))
    return Operation(kind, shapes[results[0]], sum(learnt) if kind in WITH_WEIGHTS else 0, tuple(given), results)
