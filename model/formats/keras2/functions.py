"""Translate TensorFlow functions that Keras 2 saved by name into operations of Keras 3.

Such a layer (TFOpLambda, SlicingOpLambda) holds the name of a function and its arguments, but no code. Each function in
the table corresponds to one operation; other names, arguments and values are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from model.common.errors import UnsafeModelError
from model.formats.allowlist import short_repr
from model.formats.keras2.connections import is_connection, keras_tensor
from model.i18n.translations import gettext as _


@dataclass(frozen=True)
class _Function:
    """The Keras 3 operation that does what a TensorFlow function does.

    Attributes:
        operation: Its module below keras.src.ops, and its class.
        given: The function's arguments that are tensors or constants, in the operation's order.
        settings: The function's other arguments -> the operation's.
        defaults: The function's default values, where they differ from the operation's.
        only: Arguments that may only have certain values.
        change: Converters of argument values.
    """

    operation: str
    given: str
    settings: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    only: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    change: dict[str, Callable[[Any], Any]] = field(default_factory=dict)


def _make_reduction(operation: str) -> _Function:
    return _Function(operation, "input_tensor", {"axis": "axis", "keepdims": "keepdims"})


def _make_pooling(operation: str) -> _Function:
    return _Function(
        operation,
        "input",
        {"ksize": "pool_size", "strides": "strides", "padding": "padding"},
        only={"data_format": (None, "NHWC"), "padding": ("SAME", "VALID")},
        change={"padding": str.lower, "ksize": _pool_sides, "strides": _pool_sides},
    )


def _pool_sides(value: Any) -> Any:
    """Return height and width from what TensorFlow takes: one number, two, or four with batch and channels."""
    if isinstance(value, list) and len(value) == 4 and value[0] == value[3] == 1:
        return value[1:3]
    return value


def _split_points(value: Any) -> Any:
    """Return the indices at which NumPy splits, from the sizes of the parts; a number of equal parts stays as it is."""
    if isinstance(value, list) and not all(isinstance(size, int) for size in value):
        raise UnsafeModelError(_("its description is damaged"))
    return [sum(value[: index + 1]) for index in range(len(value) - 1)] if isinstance(value, list) else value


_AXIS = {"axis": "axis"}
FUNCTIONS: dict[str, _Function] = {
    "math.truediv": _Function("numpy.TrueDivide", "x y"),
    "math.divide": _Function("numpy.Divide", "x y"),
    "math.add": _Function("numpy.Add", "x y"),
    "__operators__.add": _Function("numpy.Add", "x y"),
    "math.subtract": _Function("numpy.Subtract", "x y"),
    "math.multiply": _Function("numpy.Multiply", "x y"),
    "math.pow": _Function("numpy.Power", "x y"),
    "math.maximum": _Function("numpy.Maximum", "x y"),
    "math.minimum": _Function("numpy.Minimum", "x y"),
    "nn.bias_add": _Function("numpy.Add", "value bias", only={"data_format": (None, "NHWC")}),
    "math.negative": _Function("numpy.Negative", "x"),
    "math.abs": _Function("numpy.Absolute", "x"),
    "math.exp": _Function("numpy.Exp", "x"),
    "math.log": _Function("numpy.Log", "x"),
    "math.log1p": _Function("numpy.Log1p", "x"),
    "math.sqrt": _Function("numpy.Sqrt", "x"),
    "math.rsqrt": _Function("math.Rsqrt", "x"),
    "math.square": _Function("numpy.Square", "x"),
    "math.floor": _Function("numpy.Floor", "x"),
    "math.ceil": _Function("numpy.Ceil", "x"),
    "math.tanh": _Function("numpy.Tanh", "x"),
    "math.sigmoid": _Function("nn.Sigmoid", "x"),
    "math.softplus": _Function("nn.Softplus", "features"),
    "nn.relu": _Function("nn.Relu", "features"),
    "nn.relu6": _Function("nn.Relu6", "features"),
    "nn.elu": _Function("nn.Elu", "features"),
    "nn.selu": _Function("nn.Selu", "features"),
    "nn.softsign": _Function("nn.Softsign", "features"),
    "nn.silu": _Function("nn.Silu", "features", only={"beta": (None, 1, 1.0)}),
    "nn.gelu": _Function("nn.Gelu", "features", {"approximate": "approximate"}, {"approximate": False}),
    "nn.leaky_relu": _Function("nn.LeakyRelu", "features", {"alpha": "negative_slope"}, {"alpha": 0.2}),
    "nn.softmax": _Function("nn.Softmax", "logits", _AXIS, {"axis": -1}),
    "nn.log_softmax": _Function("nn.LogSoftmax", "logits", _AXIS, {"axis": -1}),
    "nn.max_pool2d": _make_pooling("nn.MaxPool"),
    "nn.avg_pool2d": _make_pooling("nn.AveragePool"),
    "math.reduce_mean": _make_reduction("numpy.Mean"),
    "math.reduce_sum": _make_reduction("numpy.Sum"),
    "math.reduce_max": _make_reduction("numpy.Max"),
    "math.reduce_min": _make_reduction("numpy.Min"),
    "math.reduce_std": _make_reduction("numpy.Std"),
    "math.reduce_variance": _make_reduction("numpy.Var"),
    "cast": _Function("core.Cast", "x", {"dtype": "dtype"}),
    "identity": _Function("core.StopGradient", "input"),
    "stop_gradient": _Function("core.StopGradient", "input"),
    "clip_by_value": _Function("numpy.Clip", "t", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "reshape": _Function("numpy.Reshape", "tensor", {"shape": "newshape"}),
    "expand_dims": _Function("numpy.ExpandDims", "input", _AXIS),
    "squeeze": _Function("numpy.Squeeze", "input", _AXIS),
    "compat.v1.squeeze": _Function("numpy.Squeeze", "input", _AXIS),
    "transpose": _Function("numpy.Transpose", "a", {"perm": "axes"}, only={"conjugate": (None, False)}),
    "reverse": _Function("numpy.Flip", "tensor", _AXIS),
    "concat": _Function("numpy.Concatenate", "values", _AXIS),
    "stack": _Function("numpy.Stack", "values", _AXIS, {"axis": 0}),
    "unstack": _Function("core.Unstack", "value", {"num": "num", "axis": "axis"}, {"axis": 0}),
    "split": _Function(
        "numpy.Split",
        "value",
        {"num_or_size_splits": "indices_or_sections", "axis": "axis"},
        {"axis": 0},
        only={"num": (None,)},
        change={"num_or_size_splits": _split_points},
    ),
    "image.resize": _Function(
        "image.Resize",
        "images",
        {"size": "size", "method": "interpolation", "antialias": "antialias"},
        {"method": "bilinear"},
        only={
            "preserve_aspect_ratio": (None, False),
            "method": (None, "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"),
        },
    ),
    "image.rgb_to_grayscale": _Function("image.RGBToGrayscale", "images"),
}
_SLICING = "__operators__.getitem"


def convert_function(layer: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Translate a layer of Keras 2 that calls a TensorFlow function into an operation of Keras 3.

    Raises:
        UnsafeModelError: The function, an argument or a value is not in the table.
    """
    config = layer.get("config")
    name = config.get("function") if isinstance(config, dict) else None
    nodes = layer.get("inbound_nodes")
    if not isinstance(nodes, list) or not nodes or not isinstance(layer.get("name"), str):
        raise UnsafeModelError(_("its description is damaged"))
    if name == _SLICING:
        made = [_convert_slice(_arguments_of(node, "tensor", names), names) for node in nodes]
        return _make_operation(layer, "numpy.GetItem", {}, made)
    function = FUNCTIONS.get(name) if isinstance(name, str) else None
    if function is None:
        raise UnsafeModelError(
            _("it uses the function tf.{name} between its layers, which is not one of those that are taken").format(
                name=short_repr(name).strip("'")
            )
        )
    calls = [_arguments_of(node, function.given.partition(" ")[0], names) for node in nodes]
    settings = [_settings_of(function, str(name), arguments) for arguments in calls]
    if any(other != settings[0] for other in settings):
        raise UnsafeModelError(_("it uses tf.{name} in one place with several settings").format(name=name))
    made = [
        {"args": [_convert_operand(arguments.get(key), names) for key in function.given.split()], "kwargs": {}}
        for arguments in calls
    ]
    return _make_operation(layer, function.operation, settings[0], made)


def _make_operation(layer: dict[str, Any], path: str, settings: dict[str, Any], nodes: list[Any]) -> dict[str, Any]:
    module, _dot, kind = path.partition(".")
    return {
        "module": f"keras.src.ops.{module}",
        "class_name": kind,
        "config": {"name": layer["name"], **settings},
        "registered_name": kind,
        "name": layer["name"],
        "inbound_nodes": nodes,
    }


def _arguments_of(node: Any, first: str, names: set[str]) -> dict[str, Any]:
    """Return the arguments of one call by name; `first` is the argument that the connections are for."""
    if _is_entry(node, names):
        return {first: node[:3] if is_connection(node, names) else node[2], **_keyword_arguments(node)}
    if isinstance(node, list) and node and all(_is_entry(entry, names) for entry in node):
        return {
            first: [entry[:3] if is_connection(entry, names) else entry[2] for entry in node],
            **_keyword_arguments(node[0]),
        }
    raise UnsafeModelError(_("its description is damaged"))


def _is_entry(value: Any, names: set[str]) -> bool:
    """Return whether a value is a connection, or a constant in a connection's position."""
    constant = isinstance(value, list) and len(value) in (3, 4) and value[0] == "_CONSTANT_VALUE"
    return constant or is_connection(value, names)


def _keyword_arguments(entry: list[Any]) -> dict[str, Any]:
    return dict(entry[3]) if len(entry) == 4 and isinstance(entry[3], dict) else {}


def _settings_of(function: _Function, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the operation's settings; refuse arguments and values that are not in the table."""
    given = function.given.split()
    for key, value in arguments.items():
        allowed = function.only.get(key)
        known = key in function.settings or key in given or key == "name" or allowed is not None
        if (not known and value is not None) or (allowed is not None and value not in allowed):
            raise UnsafeModelError(
                _("it uses tf.{name} with {key} = {value}, which has no counterpart in Keras 3").format(
                    name=name, key=short_repr(key).strip("'"), value=short_repr(value)
                )
            )
    values = {key: arguments.get(key) for key in function.settings}
    values |= {key: value for key, value in function.defaults.items() if values.get(key) is None}
    return {
        function.settings[key]: function.change[key](value) if key in function.change else value
        for key, value in values.items()
        if value is not None
    }


def _convert_operand(value: Any, names: set[str]) -> Any:
    """Convert a tensor, a list of tensors, a number or an array."""
    if is_connection(value, names):
        return keras_tensor(value)
    if isinstance(value, bool) or not isinstance(value, int | float | list):
        raise UnsafeModelError(_("its description is damaged"))
    if not isinstance(value, list):
        return value
    if any(is_connection(inner, names) for inner in value):
        return [_convert_operand(inner, names) for inner in value]
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}


def _convert_slice(arguments: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Convert x[...] into a call of Keras's GetItem."""
    key = arguments.get("slice_spec")
    if isinstance(key, dict) and key.get("class_name") == "__tuple__":  # how .h5 files write it
        key = key.get("items")
    items = key if isinstance(key, list) else [key]
    return {
        "args": [_convert_operand(arguments.get("tensor"), names), [_convert_index(item) for item in items]],
        "kwargs": {},
    }


def _convert_index(item: Any) -> Any:
    """Convert one part of an index: a number, None for a new axis, `...`, or a slice."""
    if item is None or (isinstance(item, int) and not isinstance(item, bool)):
        return item
    if item == "..." or (isinstance(item, dict) and item.get("class_name") == "__ellipsis__"):
        return {"class_name": "__ellipsis__", "config": {}}
    ends = item.values() if isinstance(item, dict) and set(item) == {"start", "stop", "step"} else [""]
    if all(end is None or (isinstance(end, int) and not isinstance(end, bool)) for end in ends):
        return {"class_name": "__slice__", "config": item}
    raise UnsafeModelError(_("its description is damaged"))
