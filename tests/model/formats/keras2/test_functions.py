from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from model.common.errors import UnsafeModelError
from model.formats.keras2.functions import FUNCTIONS
from model.inference.classifier import read_network
from tests.foreign import write_h5

OF_TWO = "truediv divide add subtract multiply pow maximum minimum"
REDUCTIONS = "mean sum max min std variance"
# What each function is asked for here, beside the pictures: as Keras 2 wrote it, by the names of TensorFlow's own.
ARGUMENTS: dict[str, dict[str, Any]] = {
    **{name: {} for name in FUNCTIONS},
    **{f"math.{name}": {"y": 2.5} for name in OF_TWO.split()},
    **{f"math.reduce_{name}": {"axis": [1, 2], "keepdims": True} for name in REDUCTIONS.split()},
    "__operators__.add": {"y": [1.0, 2.0, 3.0]},
    "nn.bias_add": {"bias": [-103.9, -116.8, -123.7], "data_format": None},
    "nn.silu": {"beta": 1.0},
    "nn.gelu": {"approximate": True},
    "nn.leaky_relu": {"alpha": 0.3},
    "nn.softmax": {"axis": 2},
    "nn.max_pool2d": {"ksize": [1, 3, 3, 1], "strides": 2, "padding": "SAME"},
    "nn.avg_pool2d": {"ksize": 2, "strides": [1, 2, 2, 1], "padding": "VALID"},
    "cast": {"dtype": "float16"},
    "clip_by_value": {"clip_value_min": -0.5, "clip_value_max": 0.25},
    "reshape": {"shape": [-1, 6, 12]},
    "expand_dims": {"axis": 1},
    "transpose": {"perm": [0, 2, 1, 3]},
    "reverse": {"axis": [3, 1]},
    "split": {"num_or_size_splits": [1, 2], "axis": -1},
    "unstack": {"axis": -1},
    "image.resize": {"size": [7, 5], "method": "bicubic", "antialias": True},
}
POSITIVE = {"math.log", "math.log1p", "math.sqrt", "math.rsqrt", "math.pow"}
LISTS = {"concat": {"axis": -1}, "stack": {"axis": 1}}
LONE = {"squeeze", "compat.v1.squeeze"}  # these want a side of one pixel


def network_of(path: Path, node: Any, function: Any, shape: tuple[int, ...] = (4, 6, 3), kind: str = "") -> Any:
    """A network of one function between the pictures and the answer, read from an .h5 file of Keras 2."""
    about = {"name": "f", "trainable": True, "dtype": "float32", "function": function}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, *shape], "dtype": "float32", "name": "x"}},
        {"class_name": kind or "TFOpLambda", "config": about, "name": "f", "inbound_nodes": [node]},
    ]
    layers[0] |= {"name": "x", "inbound_nodes": []}
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["f", 0, 0]]}
    return read_network(write_h5(path / "old.h5", {"class_name": "Functional", "config": config}))


def numbers(shape: tuple[int, ...] = (4, 6, 3)) -> np.ndarray:
    return np.random.default_rng(0).uniform(-2, 2, (2, *shape)).astype(np.float32)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - set(LISTS)))
def test_each_operation_gives_what_tensorflows_function_gives(tmp_path: Path, name: str) -> None:
    shape = (1, 1, 3) if name in LONE else (4, 6, 3)
    given = numbers(shape)
    given = abs(given) + 0.1 if name in POSITIVE else given
    arguments = {"axis": [1, 2]} if name in LONE else ARGUMENTS[name]
    network = network_of(tmp_path, ["x", 0, 0, {**arguments, "name": None}], name, shape)
    function: Any = tf
    for part in name.split("."):
        function = getattr(function, part, None) if part != "__operators__" else tf.math
    values = {key: np.float32(value) if key in ("y", "bias") else value for key, value in arguments.items()}
    expected = function(given, **{key: value for key, value in values.items() if value is not None})
    expected = expected[0] if isinstance(expected, list) else expected
    answer = network(given, training=False)
    assert answer.dtype == expected.dtype
    assert np.allclose(np.asarray(answer, np.float32), np.asarray(expected, np.float32), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LISTS)
def test_functions_of_several_tensors(tmp_path: Path, name: str) -> None:
    given, arguments = numbers(), LISTS[name]
    network = network_of(tmp_path, [["x", 0, 0, arguments], ["x", 0, 0, arguments]], name)
    expected = getattr(tf, name)([given, given], **arguments)
    assert np.allclose(np.asarray(network(given, training=False)), np.asarray(expected))


def test_a_number_may_stand_before_the_tensor(tmp_path: Path) -> None:
    network = network_of(tmp_path, ["_CONSTANT_VALUE", -1, 1.0, {"y": ["x", 0, 0], "name": None}], "math.subtract")
    assert np.allclose(np.asarray(network(numbers(), training=False)), 1 - numbers())


def test_parts_of_pictures(tmp_path: Path) -> None:
    whole = {"start": None, "stop": None, "step": None}
    key = [{"class_name": "__ellipsis__"}, {"start": 1, "stop": None, "step": None}, whole | {"step": -1}]
    network = network_of(tmp_path, ["x", 0, 0, {"slice_spec": key}], "__operators__.getitem", kind="SlicingOpLambda")
    assert np.array_equal(np.asarray(network(numbers(), training=False)), numbers()[..., 1:, ::-1])


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("io.read_file", {}, "uses the function tf.io.read_file between its layers"),
        ("py_function", {"func": "os.system"}, "tf.py_function"),
        ("__operators__.__class__", {}, "tf.__operators__.__class__"),
        ("keras.utils.get_file", {}, "tf.keras.utils.get_file"),
        (["math.add"], {}, "is not one of those that are taken"),
        (None, {}, "is not one of those that are taken"),
        ("math.add", {"y": 1.0, "evil": "x"}, "tf.math.add with evil = 'x'"),
        ("math.add", {"y": {"class_name": "__lambda__", "config": "4wEAAA=="}}, "its description is damaged"),
        ("math.add", {"y": "x"}, "its description is damaged"),
        ("math.add", {}, "its description is damaged"),
        ("nn.bias_add", {"bias": [1.0], "data_format": "NCHW"}, "data_format = 'NCHW'"),
        ("nn.silu", {"beta": 2.0}, "tf.nn.silu with beta = 2.0"),
        ("image.resize", {"size": [2, 2], "method": "area"}, "method = 'area'"),
        ("image.resize", {"size": [70_000, 70_000]}, "size is 70000"),
        ("reshape", {"shape": {"class_name": "eval", "module": "builtins", "config": {}}}, "'eval' of 'builtins'"),
        ("reshape", {"shape": {"class_name": "Lambda", "config": {}}}, "Lambda layer"),
        ("cast", {"dtype": {"class_name": "Popen", "module": "subprocess", "config": {}}}, "'Popen' of 'subprocess'"),
        ("nn.max_pool2d", {"ksize": 2, "strides": 2, "padding": ["SAME"]}, "padding = ['SAME']"),
        ("split", {"num_or_size_splits": ["a", {}], "axis": 0}, "its description is damaged"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, function: Any, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsafeModelError) as caught:
        network_of(tmp_path, ["x", 0, 0, arguments], function)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("node", [None, 1, [], ["x"], ["x", 0], ["y", 0, 0, {}], [["x", 0, 0], "y"], [[]], {"a": 1}])
def test_odd_connections_are_refused(tmp_path: Path, node: Any) -> None:
    with pytest.raises(UnsafeModelError):
        network_of(tmp_path, node, "math.negative")


@pytest.mark.parametrize("key", ["x", 1.5, True, {"start": 0}, {"start": "a", "stop": 1, "step": 1}, [[1]]])
def test_odd_indices_are_refused(tmp_path: Path, key: Any) -> None:
    with pytest.raises(UnsafeModelError):
        network_of(tmp_path, ["x", 0, 0, {"slice_spec": key}], "__operators__.getitem", kind="SlicingOpLambda")
