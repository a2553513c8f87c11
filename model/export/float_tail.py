"""The end of a network, from the layer of its logits to its answer, which an int8 file calculates in float32.

Int8 results come in 256 steps: logits that are hardly apart become equal, and small probabilities 0. What follows the
last large layer is so little work that float32 costs next to nothing there.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.formats.tflite_operations import WITH_WEIGHTS

# A convolution over a map is calculated in float32 if it multiplies no more often than this, or is this share of all.
FREE_MULTIPLICATIONS, FREE_SHARE = 2**20, 0.05
MOST_FLOATS = 2**15  # weights of a layer that are stored as float32, 128 KB; those of a larger one are int8
INT8_LIMIT = 127  # of weights, which have no zero point


@dataclass(frozen=True)
class Step:
    """One operation: the tensors it is given and gives, its weights, and at how many places it multiplies with them."""

    given: tuple[int, ...]
    gives: tuple[int, ...]
    weights: int
    places: int

    @property
    def multiplications(self) -> int:
        return self.weights * self.places


def tail_results(content: bytes) -> list[str]:
    """The names of all that the operations of the tails give, in a float .tflite file with rows of numbers as answers.

    The way back from the answer ends at the first layers with weights, which belong to the tail unless they are too
    much work. Layers that only calibrate the logits have hardly more weights than there are classes: it goes on there.
    """
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object

    model = convert_bytearray_to_object(content)
    graph = model.subgraphs[0]
    steps = [read_step(operator, model) for operator in graph.operators]
    makers = {tensor: step for step in steps for tensor in step.gives}
    affordable = max(FREE_MULTIPLICATIONS, FREE_SHARE * sum(step.multiplications for step in steps))
    tail: list[Step] = []
    for answer in map(int, graph.outputs):
        classes = int(graph.tensors[answer].shape[-1])
        waiting = [answer]
        while waiting:
            step = makers.get(waiting.pop())
            if step is None or step in tail or (step.places > 1 and step.multiplications > affordable):
                continue
            tail.append(step)
            if step.weights <= 2 * classes:
                waiting += step.given
    return [graph.tensors[tensor].name.decode() for step in tail for tensor in step.gives]


def read_step(operator: Any, model: Any) -> Step:
    tensors = model.subgraphs[0].tensors
    given = tuple(int(tensor) for tensor in operator.inputs if tensor >= 0)  # -1 stands for none
    gives = tuple(int(tensor) for tensor in operator.outputs)
    learnt = 0
    if kind_of(operator, model) in WITH_WEIGHTS:
        constants = (tensors[tensor] for tensor in given if model.buffers[tensors[tensor].buffer].data is not None)
        learnt = sum(math.prod(map(int, constant.shape)) for constant in constants)
    return Step(given, gives, learnt, math.prod(int(side) for side in tensors[gives[0]].shape[1:-1]))


def kind_of(operator: Any, model: Any) -> str:
    """The operation's name in the format."""
    from tensorflow.lite.python.schema_py_generated import BuiltinOperator

    number = model.operatorCodes[operator.opcodeIndex].builtinCode
    names: dict[str, Any] = vars(BuiltinOperator)
    return next(name for name, value in names.items() if value == number)


def refined(content: bytes) -> bytes:
    """A quantised .tflite file whose float32 tail is not rounded half-way, and does not make the file much larger."""
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object, convert_object_to_bytearray

    model = convert_bytearray_to_object(content)
    changes = skip_rounding(model) + store_as_int8(model) + put_in_order(model)
    return bytes(convert_object_to_bytearray(model)) if changes else content


def put_in_order(model: Any) -> int:
    """Put a file's outputs into the network's own order, which the converter keeps in their names alone.

    It calls them `output_0`, `output_1` and so on. Returns how many changed their place.
    """
    graph = model.subgraphs[0]
    if len(graph.outputs) < 2:
        return 0
    named = {int(entry.tensorIndex): entry.name.decode() for entry in model.signatureDefs[0].outputs}
    before = list(map(int, graph.outputs))
    after = sorted(before, key=lambda tensor: int(named[tensor].rpartition("_")[2]))
    graph.outputs = np.array(after, np.int32)
    return sum(old != new for old, new in zip(before, after, strict=True))


def skip_rounding(model: Any) -> int:
    """Hand float32 results on as they are where the converter makes them int8 and then float32 again.

    It does so between two float32 operations of which the first has a range that is always the same, such as a sigmoid.
    Returns how many results that were.
    """
    from tensorflow.lite.python.schema_py_generated import TensorType

    graph = model.subgraphs[0]
    kinds = [kind_of(operator, model) for operator in graph.operators]
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
            if kind_of(operator, model) != kind or int(operator.outputs[0]) in needed
        ]
    return len(exact)


def store_as_int8(model: Any) -> int:
    """Store the weights of large float32 layers as int8, with a scale for each class; returns how many layers.

    Such a layer still takes and gives float32: LiteRT finds the range of each picture's features as it comes (dynamic
    range quantization, https://ai.google.dev/edge/litert/models/post_training_quant).
    """
    from tensorflow.lite.python import schema_py_generated as schema

    tensors = model.subgraphs[0].tensors
    users = Counter(int(tensor) for operator in model.subgraphs[0].operators for tensor in operator.inputs)
    holders = Counter(tensor.buffer for tensor in tensors)
    stored = 0
    for operator in model.subgraphs[0].operators:
        if kind_of(operator, model) not in ("FULLY_CONNECTED", "CONV_2D"):
            continue
        weights = tensors[operator.inputs[1]]
        buffer = model.buffers[weights.buffer]
        large = buffer.data is not None and math.prod(map(int, weights.shape)) > MOST_FLOATS
        shared = users[int(operator.inputs[1])] > 1 or holders[weights.buffer] > 1
        if weights.type != schema.TensorType.FLOAT32 or not large or shared:
            continue
        rows = np.frombuffer(bytes(buffer.data), np.float32).reshape(weights.shape[0], -1)
        scales = np.maximum(np.abs(rows).max(axis=1), np.finfo(np.float32).tiny) / INT8_LIMIT
        buffer.data = np.frombuffer((rows / scales[:, None]).round().astype(np.int8).tobytes(), np.uint8)
        weights.type = schema.TensorType.INT8
        weights.quantization = schema.QuantizationParametersT()
        weights.quantization.scale = scales.astype(np.float32)
        weights.quantization.zeroPoint = np.zeros(len(scales), np.int64)
        stored += 1
    return stored
