"""Correct the biases of an int8 file, so that each layer gives on average what it gives in float32.

Rounding weights to int8 shifts the mean of a layer's results, and the next layers add to that. The shift is constant
over pictures, so the bias can take it away (M. Nagel et al., arXiv 1906.04721, section 4.2, with pictures).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.export.float_tail import operation_name

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

_IMAGES = 32  # 128 bring no more
_BIASED = {"FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D"}  # their bias is the third input
_LEAST_ACTIVE = 0.25  # share of the results that a bias is taken to move, at least: a mean of a few says little


@dataclass(frozen=True)
class _Layer:
    """A layer whose bias can be corrected.

    Attributes:
        output: The name of its output tensor, the same in both files.
        index: The index of that tensor in the int8 file.
        bias: The index of the bias's buffer.
        scales: What 1 in the bias stands for, float (channels,).
        limits: The smallest and the largest result that its activation lets through.
    """

    output: str
    index: int
    bias: int
    scales: np.ndarray
    limits: tuple[float, float]


def correct_biases(content: bytes, floating: bytes, images: np.ndarray) -> bytes:
    """Return an int8 .tflite file with corrected biases.

    One layer after the other, each with those before it corrected. Layers that share a bias with others, such as one of
    zeros, stay as they are.

    Args:
        content: The int8 file, as the converter writes it.
        floating: The same graph in float32, with tensors of the same names.
        images: Images to find the means on, uint8 (n, height, width, channels).
    """
    from tensorflow.lite.python.schema_py_generated import Model

    chosen = images[:_IMAGES]
    reference = _interpreter(floating)
    names = Counter(entry["name"] for entry in reference.get_tensor_details())
    known = {entry["name"]: entry["index"] for entry in reference.get_tensor_details() if names[entry["name"]] == 1}
    layers = [layer for layer in _correctable_layers(content) if layer.output in known]
    means = {layer.output: np.zeros(len(layer.scales)) for layer in layers}
    active = {layer.output: np.zeros(len(layer.scales)) for layer in layers}
    for image in chosen:
        _run(reference, image)
        for layer in layers:
            results = _rows(reference.get_tensor(known[layer.output]))
            low, high = layer.limits
            means[layer.output] += results.mean(axis=0) / len(chosen)
            active[layer.output] += ((results > low) & (results < high)).mean(axis=0) / len(chosen)
    corrected = bytearray(content)  # the biases are changed in place
    file = Model.GetRootAs(corrected, 0)
    for layer in layers:
        shift = _mean_results(bytes(corrected), layer, chosen) - means[layer.output]
        # Where the activation cuts most results off, the bias moves only the others.
        steps = shift / np.maximum(active[layer.output], _LEAST_ACTIVE) / layer.scales
        bias = file.Buffers(layer.bias).DataAsNumpy().view(np.int32)
        usable = np.isfinite(steps) & (active[layer.output] > 0)
        bias -= np.where(usable, steps, 0).round().astype(np.int32)
    return bytes(corrected)


def _correctable_layers(content: bytes) -> list[_Layer]:
    """Return the layers with int8 results and a bias of their own, in the order of the computation."""
    from tensorflow.lite.python.schema_py_generated import ActivationFunctionType, TensorType
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object

    limits = {
        ActivationFunctionType.NONE: (-np.inf, np.inf),
        ActivationFunctionType.RELU: (0.0, np.inf),
        ActivationFunctionType.RELU6: (0.0, 6.0),
    }
    model = convert_bytearray_to_object(bytearray(content))
    graph = model.subgraphs[0]
    holders = [tensor.buffer for tensor in graph.tensors]
    users = [int(tensor) for operator in graph.operators for tensor in operator.inputs]
    layers = []
    for operator in graph.operators:
        if operation_name(operator, model) not in _BIASED or len(operator.inputs) < 3 or operator.inputs[2] < 0:
            continue
        output, bias = graph.tensors[operator.outputs[0]], graph.tensors[operator.inputs[2]]
        activation = operator.builtinOptions.fusedActivationFunction
        quantized = output.type == TensorType.INT8 and bias.type == TensorType.INT32
        shared = users.count(int(operator.inputs[2])) > 1 or holders.count(bias.buffer) > 1
        if not quantized or shared or activation not in limits or model.buffers[bias.buffer].data is None:
            continue
        channels = len(model.buffers[bias.buffer].data) // np.dtype(np.int32).itemsize
        scales = np.broadcast_to(np.asarray(bias.quantization.scale, np.float64), (channels,))
        layers.append(_Layer(output.name.decode(), int(operator.outputs[0]), bias.buffer, scales, limits[activation]))
    return layers


def _mean_results(content: bytes, layer: _Layer, images: np.ndarray) -> np.ndarray:
    """Return the mean results of a layer of an int8 file, float (channels,)."""
    interpreter = _interpreter(content)
    scale, zero = next(
        entry["quantization"] for entry in interpreter.get_tensor_details() if entry["index"] == layer.index
    )
    total = np.zeros(len(layer.scales))
    for image in images:
        _run(interpreter, image)
        total += (_rows(interpreter.get_tensor(layer.index)).mean(axis=0) - zero) * scale
    return total / len(images)


def _interpreter(content: bytes) -> Interpreter:
    """Return an interpreter that keeps the results of every layer."""
    from ai_edge_litert.interpreter import Interpreter

    from model.common.cores import cores

    interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=True, num_threads=cores())
    interpreter.allocate_tensors()
    return interpreter


def _run(interpreter: Any, image: np.ndarray) -> None:
    """Give an interpreter an image."""
    (given,) = interpreter.get_input_details()
    interpreter.set_tensor(given["index"], image.reshape(given["shape"]).astype(given["dtype"]))
    interpreter.invoke()


def _rows(results: np.ndarray) -> np.ndarray:
    """Return results, a number for each channel at each position, as float64 (positions, channels)."""
    return results.reshape(-1, results.shape[-1]).astype(np.float64)
