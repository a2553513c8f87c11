"""TensorFlow's functions between layers, as Keras 2 saved them by name, and the operations of Keras 3 that do the same.

Such a layer (TFOpLambda, SlicingOpLambda) holds the name of a function and its arguments, no code. Each function is
mapped by hand, and to one operation; a name, an argument or a value that is not in the table is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from model.common.errors import UnsafeModelError
from model.formats.allowlist import shown
from model.formats.keras2.connections import is_connection, tensor
from model.i18n.translations import gettext as _


@dataclass(frozen=True)
class Function:
    """An operation of Keras 3 that does what a function of TensorFlow does.

    operation: its module below keras.src.ops and its class; given: the function's arguments that are tensors or
    constants, in the operation's order; settings: its other arguments -> the operation's; defaults: what these are
    where the file does not say; only: arguments that may have these values alone.
    """

    operation: str
    given: str
    settings: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    only: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    change: dict[str, Callable[[Any], Any]] = field(default_factory=dict)


def reduction(operation: str) -> Function:
    return Function(operation, "input_tensor", {"axis": "axis", "keepdims": "keepdims"})


def pooling(operation: str) -> Function:
    return Function(
        operation,
        "input",
        {"ksize": "pool_size", "strides": "strides", "padding": "padding"},
        only={"data_format": (None, "NHWC"), "padding": ("SAME", "VALID")},
        change={"padding": str.lower, "ksize": sides, "strides": sides},
    )


def sides(value: Any) -> Any:
    """Height and width out of what TensorFlow takes: a number, two, or four with those of pictures and channels."""
    if isinstance(value, list) and len(value) == 4 and value[0] == value[3] == 1:
        return value[1:3]
    return value


def places(value: Any) -> Any:
    """Where numpy splits, for the sizes of the parts; a number of equal parts is one in both."""
    if isinstance(value, list) and not all(isinstance(size, int) for size in value):
        raise UnsafeModelError(_("its description is damaged"))
    return [sum(value[: index + 1]) for index in range(len(value) - 1)] if isinstance(value, list) else value


AXIS = {"axis": "axis"}
FUNCTIONS: dict[str, Function] = {
    "math.truediv": Function("numpy.TrueDivide", "x y"),
    "math.divide": Function("numpy.Divide", "x y"),
    "math.add": Function("numpy.Add", "x y"),
    "__operators__.add": Function("numpy.Add", "x y"),
    "math.subtract": Function("numpy.Subtract", "x y"),
    "math.multiply": Function("numpy.Multiply", "x y"),
    "math.pow": Function("numpy.Power", "x y"),
    "math.maximum": Function("numpy.Maximum", "x y"),
    "math.minimum": Function("numpy.Minimum", "x y"),
    "nn.bias_add": Function("numpy.Add", "value bias", only={"data_format": (None, "NHWC")}),
    "math.negative": Function("numpy.Negative", "x"),
    "math.abs": Function("numpy.Absolute", "x"),
    "math.exp": Function("numpy.Exp", "x"),
    "math.log": Function("numpy.Log", "x"),
    "math.log1p": Function("numpy.Log1p", "x"),
    "math.sqrt": Function("numpy.Sqrt", "x"),
    "math.rsqrt": Function("math.Rsqrt", "x"),
    "math.square": Function("numpy.Square", "x"),
    "math.floor": Function("numpy.Floor", "x"),
    "math.ceil": Function("numpy.Ceil", "x"),
    "math.tanh": Function("numpy.Tanh", "x"),
    "math.sigmoid": Function("nn.Sigmoid", "x"),
    "math.softplus": Function("nn.Softplus", "features"),
    "nn.relu": Function("nn.Relu", "features"),
    "nn.relu6": Function("nn.Relu6", "features"),
    "nn.elu": Function("nn.Elu", "features"),
    "nn.selu": Function("nn.Selu", "features"),
    "nn.softsign": Function("nn.Softsign", "features"),
    "nn.silu": Function("nn.Silu", "features", only={"beta": (None, 1, 1.0)}),
    "nn.gelu": Function("nn.Gelu", "features", {"approximate": "approximate"}, {"approximate": False}),
    "nn.leaky_relu": Function("nn.LeakyRelu", "features", {"alpha": "negative_slope"}, {"alpha": 0.2}),
    "nn.softmax": Function("nn.Softmax", "logits", AXIS, {"axis": -1}),
    "nn.log_softmax": Function("nn.LogSoftmax", "logits", AXIS, {"axis": -1}),
    "nn.max_pool2d": pooling("nn.MaxPool"),
    "nn.avg_pool2d": pooling("nn.AveragePool"),
    "math.reduce_mean": reduction("numpy.Mean"),
    "math.reduce_sum": reduction("numpy.Sum"),
    "math.reduce_max": reduction("numpy.Max"),
    "math.reduce_min": reduction("numpy.Min"),
    "math.reduce_std": reduction("numpy.Std"),
    "math.reduce_variance": reduction("numpy.Var"),
    "cast": Function("core.Cast", "x", {"dtype": "dtype"}),
    "identity": Function("core.StopGradient", "input"),
    "stop_gradient": Function("core.StopGradient", "input"),
    "clip_by_value": Function("numpy.Clip", "t", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "reshape": Function("numpy.Reshape", "tensor", {"shape": "newshape"}),
    "expand_dims": Function("numpy.ExpandDims", "input", AXIS),
    "squeeze": Function("numpy.Squeeze", "input", AXIS),
    "compat.v1.squeeze": Function("numpy.Squeeze", "input", AXIS),
    "transpose": Function("numpy.Transpose", "a", {"perm": "axes"}, only={"conjugate": (None, False)}),
    "reverse": Function("numpy.Flip", "tensor", AXIS),
    "concat": Function("numpy.Concatenate", "values", AXIS),
    "stack": Function("numpy.Stack", "values", AXIS, {"axis": 0}),
    "unstack": Function("core.Unstack", "value", {"num": "num", "axis": "axis"}, {"axis": 0}),
    "split": Function(
        "numpy.Split",
        "value",
        {"num_or_size_splits": "indices_or_sections", "axis": "axis"},
        {"axis": 0},
        only={"num": (None,)},
        change={"num_or_size_splits": places},
    ),
    "image.resize": Function(
        "image.Resize",
        "images",
        {"size": "size", "method": "interpolation", "antialias": "antialias"},
        {"method": "bilinear"},
        only={
            "preserve_aspect_ratio": (None, False),
            "method": (None, "bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"),
        },
    ),
    "image.rgb_to_grayscale": Function("image.RGBToGrayscale", "images"),
}
SLICING = "__operators__.getitem"


def modern_function(layer: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """A layer of Keras 2 that calls a function of TensorFlow, as an operation of Keras 3. Raises UnsafeModelError."""
    config = layer.get("config")
    name = config.get("function") if isinstance(config, dict) else None
    nodes = layer.get("inbound_nodes")
    if not isinstance(nodes, list) or not nodes or not isinstance(layer.get("name"), str):
        raise UnsafeModelError(_("its description is damaged"))
    if name == SLICING:
        made = [sliced(arguments_of(node, "tensor", names), names) for node in nodes]
        return operation(layer, "numpy.GetItem", {}, made)
    function = FUNCTIONS.get(name) if isinstance(name, str) else None
    if function is None:
        raise UnsafeModelError(
            _("it uses the function tf.{name} between its layers, which is not one of those that are taken").format(
                name=shown(name).strip("'")
            )
        )
    calls = [arguments_of(node, function.given.partition(" ")[0], names) for node in nodes]
    settings = [settings_of(function, str(name), arguments) for arguments in calls]
    if any(other != settings[0] for other in settings):
        raise UnsafeModelError(_("it uses tf.{name} in one place with several settings").format(name=name))
    made = [
        {"args": [operand(arguments.get(key), names) for key in function.given.split()], "kwargs": {}}
        for arguments in calls
    ]
    return operation(layer, function.operation, settings[0], made)


def operation(layer: dict[str, Any], path: str, settings: dict[str, Any], nodes: list[Any]) -> dict[str, Any]:
    module, _dot, kind = path.partition(".")
    return {
        "module": f"keras.src.ops.{module}",
        "class_name": kind,
        "config": {"name": layer["name"], **settings},
        "registered_name": kind,
        "name": layer["name"],
        "inbound_nodes": nodes,
    }


def arguments_of(node: Any, first: str, names: set[str]) -> dict[str, Any]:
    """The arguments of one call by their names. first: the name of the one that the connections are for."""
    if is_entry(node, names):
        return {first: node[:3] if is_connection(node, names) else node[2], **named(node)}
    if isinstance(node, list) and node and all(is_entry(entry, names) for entry in node):
        return {first: [entry[:3] if is_connection(entry, names) else entry[2] for entry in node], **named(node[0])}
    raise UnsafeModelError(_("its description is damaged"))


def is_entry(value: Any, names: set[str]) -> bool:
    """A connection, or what Keras 2 wrote for a number in a connection's place."""
    constant = isinstance(value, list) and len(value) in (3, 4) and value[0] == "_CONSTANT_VALUE"
    return constant or is_connection(value, names)


def named(entry: list[Any]) -> dict[str, Any]:
    return dict(entry[3]) if len(entry) == 4 and isinstance(entry[3], dict) else {}


def settings_of(function: Function, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings of the operation. Raises UnsafeModelError for arguments and values that are not in the table."""
    given = function.given.split()
    for key, value in arguments.items():
        allowed = function.only.get(key)
        known = key in function.settings or key in given or key == "name" or allowed is not None
        if (not known and value is not None) or (allowed is not None and value not in allowed):
            raise UnsafeModelError(
                _("it uses tf.{name} with {key} = {value}, which has no counterpart in Keras 3").format(
                    name=name, key=shown(key).strip("'"), value=shown(value)
                )
            )
    values = {key: arguments.get(key) for key in function.settings}
    values |= {key: value for key, value in function.defaults.items() if values.get(key) is None}
    return {
        function.settings[key]: function.change[key](value) if key in function.change else value
        for key, value in values.items()
        if value is not None
    }


def operand(value: Any, names: set[str]) -> Any:
    """A tensor, a list of tensors, a number, or an array of numbers. Raises UnsafeModelError."""
    if is_connection(value, names):
        return tensor(value)
    if isinstance(value, bool) or not isinstance(value, int | float | list):
        raise UnsafeModelError(_("its description is damaged"))
    if not isinstance(value, list):
        return value
    if any(is_connection(inner, names) for inner in value):
        return [operand(inner, names) for inner in value]
    return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}


def sliced(arguments: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """x[...] as one call of Keras's GetItem."""
    key = arguments.get("slice_spec")
    if isinstance(key, dict) and key.get("class_name") == "__tuple__":  # the .h5 files' way to write it
        key = key.get("items")
    items = key if isinstance(key, list) else [key]
    return {
        "args": [operand(arguments.get("tensor"), names), [place(item) for item in items]],
        "kwargs": {},
    }


def place(item: Any) -> Any:
    """One part of an index: a number, None for a new axis, `...`, or from, to and step."""
    if item is None or (isinstance(item, int) and not isinstance(item, bool)):
        return item
    if item == "..." or (isinstance(item, dict) and item.get("class_name") == "__ellipsis__"):
        return {"class_name": "__ellipsis__", "config": {}}
    ends = item.values() if isinstance(item, dict) and set(item) == {"start", "stop", "step"} else [""]
    if all(end is None or (isinstance(end, int) and not isinstance(end, bool)) for end in ends):
        return {"class_name": "__slice__", "config": item}
    raise UnsafeModelError(_("its description is damaged"))
