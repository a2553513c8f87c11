"""Add a network's features as a second output to a .tflite file of ours; its other numbers do not change."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.export.float_tail import operation_name, read_step
from model.export.packing import pack
from model.formats.class_output import FEATURES_TENSOR
from model.formats.tflite_operations import WITH_WEIGHTS
from model.i18n.translations import gettext as _

_OUTPUT_NAME = b"output_1"  # the converter calls the answer output_0


def add_feature_output(content: bytes, classes: int) -> bytes:
    """Add the input of the layer with the logits, float32 (1, features), as a second output.

    That layer is the last one with more weights than a calibration of the logits has, which are two for each class. A
    file that has the output already is returned unchanged.

    Args:
        content: The .tflite file.
        classes: The number of classes.

    Raises:
        UnsafeModelError: There is no such layer, or its input is not a row of float32 numbers.
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object

    model = convert_bytearray_to_object(content)
    graph = model.subgraphs[0]
    tensor = _logits_input(model, classes)
    found = graph.tensors[tensor]
    if len(found.shape) != 2 or found.type != schema.TensorType.FLOAT32:
        raise UnsafeModelError(_("the input of its last layer with weights is not a row of float32 numbers"))
    if tensor in list(map(int, graph.outputs)):
        return content
    found.name = FEATURES_TENSOR.encode()
    graph.outputs = np.array([*graph.outputs, tensor], np.int32)
    for signature in model.signatureDefs or ():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = _OUTPUT_NAME, tensor
        signature.outputs.append(entry)
    return pack(model)


def _logits_input(model: Any, classes: int) -> int:
    """Return the index of the tensor that is the input of the layer with the logits.

    Raises:
        UnsafeModelError: There is no such layer.
    """
    graph = model.subgraphs[0]
    makers = {int(tensor): operator for operator in graph.operators for tensor in operator.outputs}
    waiting, seen = [int(graph.outputs[0])], set()
    while waiting:
        operator = makers.get(waiting.pop())
        if operator is None or id(operator) in seen:
            continue
        seen.add(id(operator))
        if operation_name(operator, model) in WITH_WEIGHTS and read_step(operator, model).weights > 2 * classes:
            return int(operator.inputs[0])
        waiting += [int(tensor) for tensor in operator.inputs if tensor >= 0]
    raise UnsafeModelError(_("it has no layer whose input is a row of features"))
