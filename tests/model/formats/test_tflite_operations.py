"""Crafted .tflite files, made with the format's own writer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from model.common.errors import UnsafeModelError
from model.export.quantization import silence_converter
from model.formats.tflite_operations import OPERATIONS, read_operations
from tests.shipped import FAST_INT8

NETWORK = FAST_INT8.read_bytes()


def crafted(change: Callable[[Any], object]) -> bytes:
    """The shipped network after a change of what its file says."""
    model = schema.ModelT.InitFromPackedBuf(NETWORK, 0)
    change(model)
    builder = flatbuffers.Builder(len(NETWORK))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def read(tmp_path: Path, content: bytes) -> Any:
    path = tmp_path / "a.tflite"
    path.write_bytes(content)
    return read_operations(path)


def renamed(number: int, custom: bytes | None = None) -> Callable[[Any], object]:
    """A change that makes the first operation another one."""

    def change(model: Any) -> None:
        model.operatorCodes[0].builtinCode = number
        model.operatorCodes[0].deprecatedBuiltinCode = min(number, 127)
        model.operatorCodes[0].customCode = custom

    return change


def doubled(model: Any) -> None:
    model.subgraphs.append(model.subgraphs[0])


def grown(model: Any) -> None:
    model.subgraphs[0].tensors[0].shape = np.array([1, 50_000, 50_000, 3], np.int32)


def outside(model: Any) -> None:
    model.buffers[1].offset, model.buffers[1].size, model.buffers[1].data = 10_000_000, 400, None


def dangling(model: Any) -> None:
    model.subgraphs[0].operators[0].inputs = np.array([5000], np.int32)


def nameless(model: Any) -> None:
    model.subgraphs[0].operators[0].opcodeIndex = 5000


def test_an_unchanged_network_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, crafted(lambda model: None))) == 30


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (renamed(schema.BuiltinOperator.CUSTOM, b"FlexWriteFile"), "'FlexWriteFile', an operation of its maker"),
        (renamed(schema.BuiltinOperator.WHILE), "it uses WHILE"),
        (renamed(schema.BuiltinOperator.CALL_ONCE), "it uses CALL_ONCE"),
        (renamed(schema.BuiltinOperator.VAR_HANDLE), "it uses VAR_HANDLE"),
        (renamed(5000), "it uses unknown"),
        (doubled, "it holds 2 graphs; one is taken"),
        (grown, "it has a tensor of 1 x 50000 x 50000 x 3 numbers"),
        (outside, "its weights lie outside the file"),
        (dangling, "it is damaged"),
        (nameless, "it is damaged"),
    ],
)
def test_a_crafted_file_is_refused(tmp_path: Path, change: Callable[[Any], object], words: str) -> None:
    with pytest.raises(UnsafeModelError) as caught:
        read(tmp_path, crafted(change))
    assert words in str(caught.value)


def test_a_result_whose_size_the_pixels_decide_is_refused(tmp_path: Path) -> None:
    import tensorflow as tf

    def converted(answer: Callable[[tf.Tensor], tf.Tensor]) -> bytes:
        traced = tf.function(answer, input_signature=[tf.TensorSpec((1, 8, 8, 3), tf.float32)])
        converter = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()])
        with silence_converter():
            return bytes(converter.convert())

    def many(pictures: tf.Tensor) -> tf.Tensor:
        count = tf.cast(tf.reduce_mean(pictures), tf.int32)
        return tf.reduce_mean(pictures) + tf.reduce_sum(tf.fill([count * 1000 + 1, 1000], 1.0))

    def by_shape(pictures: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(pictures, [tf.shape(pictures)[0], -1])
        return tf.reduce_sum(flat, axis=1, keepdims=True) + tf.fill([tf.shape(flat)[0], 3], 0.5)

    with pytest.raises(UnsafeModelError, match="what the picture shows decides how large the result of its FILL is"):
        read(tmp_path, converted(many))
    assert read(tmp_path, converted(by_shape))


def test_scrambled_bytes_are_read_or_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        content = bytearray(NETWORK)
        for place in (len(NETWORK) - rng.integers(1, 12_000, 60)).tolist():  # the end describes, the rest is weights
            content[place] = int(rng.integers(256))
        try:
            read(tmp_path, bytes(content))
        except UnsafeModelError:
            refused += 1
    assert refused > 50


def test_every_listed_operation_is_one_of_the_format() -> None:
    assert [name for name in OPERATIONS if not hasattr(schema.BuiltinOperator, name)] == []
