"""Find which output of a network holds the class scores, and which activation made them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from model.common.errors import UnsafeModelError
from model.formats.tflite_operations import Operation
from model.i18n.translations import gettext as _

if TYPE_CHECKING:
    import keras

_MAX_LISTED = 8  # outputs named in a message
# Layers and operations that change the shape or type of the scores, but not their values.
_VALUE_PRESERVING = frozenset({"Flatten", "Reshape", "Identity", "Squeeze", "Cast", "Dropout"})
_TFLITE_VALUE_PRESERVING = frozenset({"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "CAST"})
_TFLITE_ACTIVATIONS = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}
FEATURES_TENSOR = "vitrine_features"  # what we call the output of features that we add to a .tflite file


def _class_output_index(names: Sequence[str], shapes: Sequence[tuple[int | None, ...]]) -> int:
    """Return the index of a network's only output, or of the only one with the shape (n, classes).

    Raises:
        UnsafeModelError: There is no such output, or several; the message names them.
    """
    rows = [place for place, shape in enumerate(shapes) if len(shape) == 2]
    if len(shapes) == 1:
        return 0
    if len(rows) != 1:
        raise UnsafeModelError(
            _(
                "it has {count} outputs ({names}) and {rows} of them are rows of numbers; a classifier has one such row"
            ).format(count=len(shapes), names=_list_outputs(names), rows=len(rows))
        )
    return rows[0]


def _list_outputs(names: Sequence[str]) -> str:
    """Join the names of outputs, which are untrusted text, for a message."""
    return ", ".join(repr(name[:40]) for name in names[:_MAX_LISTED]) + (", …" if len(names) > _MAX_LISTED else "")


def with_class_output(network: keras.Model) -> keras.Model:
    """Return the same network with one input tensor and its class scores as the only output.

    Raises:
        UnsafeModelError: It is not clear which output holds the scores.
    """
    import keras

    if isinstance(network, keras.Sequential) or len(network.inputs) != 1:
        return network
    kept = (dict, list, tuple)
    if not isinstance(network.input, kept) and not isinstance(network.output, kept):
        return network
    names = list(network.output_names)
    if isinstance(network.output, dict) and len(network.output) == len(names):
        names = sorted(map(str, network.output))  # the order in which Keras counts them
    place = _class_output_index(names, [tuple(output.shape) for output in network.outputs])
    return keras.Model(network.inputs[0], network.outputs[place], name=network.name)


def with_rows(network: keras.Model, count: int) -> keras.Model:
    """Return a network of ours with `count` rows of numbers, as a list. Raises UnsafeModelError for any other count."""
    import keras

    shapes = [tuple(output.shape) for output in network.outputs]
    if len(shapes) != count or any(len(shape) != 2 for shape in shapes):
        raise UnsafeModelError(
            _("it has {found} outputs; its card names {count} rows of numbers").format(found=len(shapes), count=count)
        )
    return keras.Model(network.inputs[0], list(network.outputs), name=network.name)


def feature_tensor(network: keras.Model, classes: int) -> Any:
    """What the layer of the logits is given, (n, features); of a map of features, their means over the map.

    That is the last layer with more weights than a calibration of the logits has, two for each class. Raises
    UnsafeModelError where there is none.
    """
    import keras

    for layer in reversed(network.layers):
        if isinstance(layer, keras.Model):  # a network inside it, such as an expert whose answer joins in
            continue
        if layer.count_params() > 2 * classes:
            given = before_scaling(layer.input)
            rank = len(given.shape) if isinstance(given, keras.KerasTensor) else 0
            if rank in (2, 4) and given.shape[-1] is not None:
                return given if rank == 2 else keras.layers.GlobalAveragePooling2D()(given)
            break
    raise UnsafeModelError(_("it has no layer whose input is a row of features"))


def before_scaling(tensor: Any) -> Any:
    """What a tensor was before it was multiplied by one number, which a converter to .tflite puts into the weights."""
    import keras

    while isinstance(tensor, keras.KerasTensor):
        layer = tensor._keras_history.operation
        if not isinstance(layer, keras.layers.Rescaling) or layer.offset != 0:
            break
        tensor = layer.input
    return tensor


def last_activation(network: keras.Model) -> str:
    """Return Keras's name of the activation that made a network's scores, such as `softmax`; empty if unknown."""
    tensor = network.outputs[0]
    while True:
        history = tensor._keras_history
        operation: Any = history.operation
        kind = type(operation).__name__
        if kind in ("Softmax", "Sigmoid"):
            return kind.lower()
        if hasattr(operation, "outputs") and hasattr(operation, "layers"):  # a network inside the network
            tensor = operation.outputs[history.tensor_index]
            continue
        activation = str(getattr(getattr(operation, "activation", None), "__name__", ""))
        passes = kind in _VALUE_PRESERVING or (kind == "Activation" and activation == "linear")
        given = operation._inbound_nodes[history.node_index].input_tensors if passes else []
        if len(given) != 1:
            return activation
        tensor = given[0]


def tflite_class_output(outputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return LiteRT's details of the output that holds the class scores.

    Raises:
        UnsafeModelError: It is not clear which output holds the scores.
    """
    outputs = [output for output in outputs if output["name"] != FEATURES_TENSOR]  # as in a file of ours
    names = [str(output["name"]) for output in outputs]
    return outputs[_class_output_index(names, [tuple(output["shape"]) for output in outputs])]


def lite_rows(outputs: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """The details of the rows of numbers in a .tflite file of ours, in its card's order. Raises UnsafeModelError."""
    if count == 1:
        return [tflite_class_output(outputs)]
    if len(outputs) != count or any(len(output["shape"]) != 2 for output in outputs):
        raise UnsafeModelError(
            _("it has {found} outputs; its card names {count} rows of numbers").format(found=len(outputs), count=count)
        )
    return list(outputs)


def tflite_last_activation(operations: Sequence[Operation], tensor: int) -> str:
    """Return the activation that made a tensor of a .tflite file, as `last_activation` does."""
    makers = {result: operation for operation in operations for result in operation.results}
    for _step in operations:
        operation = makers.get(tensor)
        if operation is None or operation.kind not in _TFLITE_VALUE_PRESERVING or not operation.given:
            break
        tensor = operation.given[0]
    made = makers.get(tensor)
    return _TFLITE_ACTIVATIONS.get(made.kind, "") if made else ""
