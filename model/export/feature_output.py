"""A .tflite file of ours that gives its features beside its answer; not one of its numbers changes by that."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.export.float_tail import kind_of, read_step
from model.formats.class_output import FEATURES_TENSOR
from model.formats.tflite_operations import WITH_WEIGHTS
from model.i18n.translations import gettext as _

NAME = b"output_1"  # the converter calls the answer output_0


def with_features(content: bytes, classes: int) -> bytes:
    """The file with what the layer of the logits is given, float32 (1, features), as a second output.

    That layer is the last one with more weights than a calibration of the logits has, two for each class; a file
    that has the output already stays as it is. Raises UnsafeModelError where the layer is not given such a row.
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools.flatbuffer_utils import convert_bytearray_to_object, convert_object_to_bytearray

    model = convert_bytearray_to_object(content)
    graph = model.subgraphs[0]
    tensor = given_to_logits(model, classes)
    found = graph.tensors[tensor]
    if len(found.shape) != 2 or found.type != schema.TensorType.FLOAT32:
        raise UnsafeModelError(_("the layer of its logits is not given a row of float32 numbers"))
    if tensor in list(map(int, graph.outputs)):
        return content
    found.name = FEATURES_TENSOR.encode()
    graph.outputs = np.array([*graph.outputs, tensor], np.int32)
    for signature in model.signatureDefs or ():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = NAME, tensor
        signature.outputs.append(entry)
    return bytes(convert_object_to_bytearray(model))


def given_to_logits(model: Any, classes: int) -> int:
    """The tensor that the layer of the logits is given. Raises UnsafeModelError where there is no such layer."""
    graph = model.subgraphs[0]
    makers = {int(tensor): operator for operator in graph.operators for tensor in operator.outputs}
    waiting, seen = [int(graph.outputs[0])], set()
    while waiting:
        operator = makers.get(waiting.pop())
        if operator is None or id(operator) in seen:
            continue
        seen.add(id(operator))
        if kind_of(operator, model) in WITH_WEIGHTS and read_step(operator, model).weights > 2 * classes:
            return int(operator.inputs[0])
        waiting += [int(tensor) for tensor in operator.inputs if tensor >= 0]
    raise UnsafeModelError(_("it has no layer whose input is a row of features"))
