"""The tail of a network, from the layer with the logits to the output, which an int8 file computes in float32.

Results in int8 have only 256 levels: logits that differ a little become equal, and small probabilities become 0. The
work after the last large layer is so little that float32 costs next to nothing there.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.export.packing import pack
from model.formats.tflite_operations import WITH_WEIGHTS

# A convolution with more than one position is computed in float32 up to this many multiplications, or up to this share
# of all.
FREE_MULTIPLICATIONS, _FREE_SHARE = 2**20, 0.05
MAX_FLOAT_WEIGHTS = 2**10  # a layer with more weights than this (4 KB) stores them as int8
_INT8_LIMIT = 127  # largest int8 weight; weights have no zero point


@dataclass(frozen=True)
class _Step:
    """An operation of the graph.

    Attributes:
        inputs: The indices of its input tensors.
        outputs: The indices of its output tensors.
        weights: The number of its weights.
        positions: The number of output positions at which it multiplies with them.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    weights: int
    positions: int

    @property
    def multiplications(self) -> int:
        """The multiplications for one image."""
        return self.weights * self.positions


def tail_tensors(content: bytes) -> list[str]:
    """Return the names of all tensors that the tails of a float .tflite file compute.

    The file's outputs are rows of numbers. Going back from each, a tail ends with the first layer with weights, which
    belongs to it unless it is too much work. Layers that only calibrate the logits have hardly more weights than there
    are classes: the search continues before them.
    """
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object

    model = convert_bytearray_to_object(content)
    graph = model.subgraphs[0]
    steps = [read_step(operator, model) for operator in graph.operators]
    makers = {tensor: step for step in steps for tensor in step.outputs}
    affordable = max(FREE_MULTIPLICATIONS, _FREE_SHARE * sum(step.multiplications for step in steps))
    tail: list[_Step] = []
    for answer in map(int, graph.outputs):
        classes = int(graph.tensors[answer].shape[-1])
        waiting = [answer]
        while waiting:
            step = makers.get(waiting.pop())
            if step is None or step in tail or (step.positions > 1 and step.multiplications > affordable):
                continue
            tail.append(step)
            if step.weights <= 2 * classes:
                waiting += step.inputs
    return [graph.tensors[tensor].name.decode() for step in tail for tensor in step.outputs]


def read_step(operator: Any, model: Any) -> _Step:
    """Read an operation of the first subgraph."""
    tensors = model.subgraphs[0].tensors
    inputs = tuple(int(tensor) for tensor in operator.inputs if tensor >= 0)  # -1 stands for none
    outputs = tuple(int(tensor) for tensor in operator.outputs)
    weights = 0
    if operation_name(operator, model) in WITH_WEIGHTS:
        constants = (tensors[tensor] for tensor in inputs if model.buffers[tensors[tensor].buffer].data is not None)
        weights = sum(math.prod(map(int, constant.shape)) for constant in constants)
    return _Step(inputs, outputs, weights, math.prod(int(side) for side in tensors[outputs[0]].shape[1:-1]))


def operation_name(operator: Any, model: Any) -> str:
    """Return an operation's name in the file format, such as `CONV_2D`."""
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator

    number = model.operatorCodes[operator.opcodeIndex].builtinCode
    names: dict[str, Any] = vars(BuiltinOperator)
    return next(name for name, value in names.items() if value == number)


def refine(content: bytes) -> bytes:
    """Return a quantized .tflite file whose float32 tail is neither rounded in between nor large."""
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object

    model = convert_bytearray_to_object(content)
    _skip_rounding(model)
    _store_as_int8(model)
    _restore_output_order(model)
    return pack(model)


def _restore_output_order(model: Any) -> None:
    """Put a file's outputs into the network's own order, which the converter keeps only in their names.

    It calls them `output_0`, `output_1` and so on.
    """
    graph = model.subgraphs[0]
    if len(graph.outputs) < 2:
        return
    named = {int(entry.tensorIndex): entry.name.decode() for entry in model.signatureDefs[0].outputs}
    ordered = sorted(map(int, graph.outputs), key=lambda tensor: int(named[tensor].rpartition("_")[2]))
    graph.outputs = np.array(ordered, np.int32)


def _skip_rounding(model: Any) -> None:
    """Pass float32 results on directly where the converter makes them int8 and then float32 again.

    It does so between two float32 operations if the first has a fixed range of results, such as a sigmoid.
    """
    from tensorflow.lite.python.schema_py_generated import TensorType

    graph = model.subgraphs[0]
    kinds = [operation_name(operator, model) for operator in graph.operators]
    pairs = list(zip(kinds, graph.operators, strict=True))
    rounded = {
        int(operator.outputs[0]): int(operator.inputs[0])
        for kind, operator in pairs
        if kind == "QUANTIZE" and graph.tensors[operator.inputs[0]].type == TensorType.FLOAT32
    }
    exact = {
        int(operator.outputs[0]): rounded[int(operator.inputs[0])]
        for kind, operator in pairs
        if kind == "DEQUANTIZE" and int(operator.inputs[0]) in rounded
    }
    for operator in graph.operators:
        operator.inputs = np.array([exact.get(int(tensor), tensor) for tensor in operator.inputs], np.int32)
    for kind in ("DEQUANTIZE", "QUANTIZE"):  # in this order: the first no longer needs the second
        needed = {int(tensor) for operator in graph.operators for tensor in operator.inputs} | set(graph.outputs)
        graph.operators = [
            operator
            for operator in graph.operators
            if operation_name(operator, model) != kind or int(operator.outputs[0]) in needed
        ]


def _store_as_int8(model: Any) -> None:
    """Store the weights of large float32 layers as int8, with a scale for each row.

    Such a layer's inputs and outputs stay float32: LiteRT finds the range of each image's features when it runs
    (dynamic range quantization, https://ai.google.dev/edge/litert/models/post_training_quant).
    """
    from tensorflow.lite.python import schema_py_generated as schema

    tensors = model.subgraphs[0].tensors
    users = Counter(int(tensor) for operator in model.subgraphs[0].operators for tensor in operator.inputs)
    holders = Counter(tensor.buffer for tensor in tensors)
    for operator in model.subgraphs[0].operators:
        if operation_name(operator, model) not in ("FULLY_CONNECTED", "CONV_2D"):
            continue
        weights = tensors[operator.inputs[1]]
        buffer = model.buffers[weights.buffer]
        large = buffer.data is not None and math.prod(map(int, weights.shape)) > MAX_FLOAT_WEIGHTS
        shared = users[int(operator.inputs[1])] > 1 or holders[weights.buffer] > 1
        if weights.type != schema.TensorType.FLOAT32 or not large or shared:
            continue
        rows = np.frombuffer(bytes(buffer.data), np.float32).reshape(weights.shape[0], -1)
        scales = np.maximum(np.abs(rows).max(axis=1), np.finfo(np.float32).tiny) / _INT8_LIMIT
        buffer.data = np.frombuffer((rows / scales[:, None]).round().astype(np.int8).tobytes(), np.uint8)
        weights.type = schema.TensorType.INT8
        weights.quantization = schema.QuantizationParametersT()
        weights.quantization.scale = scales.astype(np.float32)
        weights.quantization.zeroPoint = np.zeros(len(scales), np.int64)
