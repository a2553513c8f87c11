"""Networks with their one row of numbers in a dictionary, in a list, or among other outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from model.common.errors import UnsafeModelError
from model.export.quantization import silence_converter
from model.formats.class_output import last_activation
from model.inference.classifier import read_network
from model.inference.lite import load_tflite
from model.intake.inspection import inspect_here
from tests.shaped import OBLONG, STRIP, card_of, telling_halves


def saved(path: Path, ends: Any, activation: str = "softmax") -> Path:
    """A network whose outputs are what `ends` makes of its pictures and its row."""
    network = telling_halves(OBLONG, activation=activation)
    keras.Model(network.inputs[0], ends(network.inputs[0], network.outputs[0])).save(path)
    return path


def features(pictures: Any) -> Any:
    return layers.AveragePooling2D(4)(pictures)


@pytest.mark.parametrize(
    "ends",
    [
        lambda _pictures, row: {"answer": row},
        lambda _pictures, row: [row],
        lambda pictures, row: {"answer": row, "before": features(pictures)},
        lambda pictures, row: [features(pictures), row],
    ],
)
def test_the_only_row_of_numbers_is_the_answer(tmp_path: Path, ends: Any) -> None:
    path = saved(tmp_path / "a.keras", ends)
    facts = inspect_here(path, "unit", 0)
    assert (facts.classes, facts.output) == (2, "probabilities")
    rows = np.asarray(read_network(path)(np.full((3, *OBLONG), 0.5, np.float32)))
    assert rows.shape == (3, 2)


def test_an_input_in_a_dictionary_is_taken(tmp_path: Path) -> None:
    network = telling_halves(OBLONG)
    given, row = network.inputs[0], network.outputs[0]
    keras.Model({given.name: given}, {"answer": row}).save(tmp_path / "a.keras")
    assert inspect_here(tmp_path / "a.keras", "unit", 0).classes == 2


def test_several_rows_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.keras", lambda _pictures, row: {"kind": row, "age": layers.Dense(5)(row)})
    with pytest.raises(UnsafeModelError) as caught:
        inspect_here(path, "", 0)
    assert str(caught.value) == (
        "it has 2 outputs ('age', 'kind') and 2 of them are rows of numbers; a classifier has one such row"
    )


def test_no_row_among_several_outputs_is_a_sentence(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.keras", lambda pictures, _row: [features(pictures), pictures])
    with pytest.raises(UnsafeModelError, match="and 0 of them are rows of numbers"):
        inspect_here(path, "", 0)


@pytest.mark.parametrize(
    ("ends", "activation"),
    [
        (lambda row: row, "sigmoid"),
        (lambda row: layers.Activation("linear", dtype="float32")(row), "sigmoid"),
        (lambda row: layers.Reshape((2,))(layers.Softmax()(row)), "softmax"),
        (lambda row: keras.ops.sigmoid(row), "sigmoid"),
        (lambda row: telling_end("softmax")(row), "softmax"),
        (lambda row: layers.Average()([row, row]), ""),
    ],
)
def test_the_activation_that_made_the_row_is_found(ends: Any, activation: str) -> None:
    network = telling_halves(OBLONG, activation="sigmoid")
    assert last_activation(keras.Model(network.inputs[0], ends(network.outputs[0]))) == activation


def telling_end(activation: str) -> keras.Model:
    """A network of one layer, to stand at another's end."""
    return keras.Sequential([keras.Input((2,)), layers.Dense(2, activation=activation)])


def lite(network: keras.Model, path: Path, dtype: Any = None) -> Path:
    """The network as a .tflite file; dtype: of an integer one's ends."""
    with silence_converter():
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        if dtype is not None:
            rng = np.random.default_rng(0)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: (
                [rng.random((1, *network.input_shape[1:]), np.float32)] for _number in range(20)
            )
            converter.inference_input_type = converter.inference_output_type = dtype
        path.write_bytes(converter.convert())
    return path


@pytest.mark.parametrize("dtype", [None, tf.int8, tf.uint8])
@pytest.mark.parametrize(
    ("activation", "output"), [("softmax", "probabilities"), ("sigmoid", "independent probabilities")]
)
def test_a_tflite_file_tells_softmax_from_sigmoid(tmp_path: Path, dtype: Any, activation: str, output: str) -> None:
    path = lite(telling_halves(STRIP, activation=activation), tmp_path / "a.tflite", dtype)
    assert inspect_here(path, "unit", 0).output == output


def test_the_row_among_the_outputs_of_a_tflite_file(tmp_path: Path) -> None:
    network = telling_halves(OBLONG)
    both = keras.Model(network.inputs[0], [features(network.inputs[0]), network.outputs[0]])
    path = lite(both, tmp_path / "a.tflite")
    facts = inspect_here(path, "unit", 0)
    assert (facts.classes, facts.output) == (2, "probabilities")
    assert load_tflite(path, card_of(OBLONG))(np.zeros((3, *OBLONG), np.uint8)).shape == (3, 2)


def test_a_tflite_file_for_any_size_needs_one_said(tmp_path: Path) -> None:
    given = keras.Input((None, None, 3))
    row = layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(given))
    path = lite(keras.Model(given, row), tmp_path / "a.tflite")
    with pytest.raises(UnsafeModelError, match="it takes pictures of any size; say with --input-size"):
        inspect_here(path, "unit", 0)
    facts = inspect_here(path, "unit", 24, 48)
    assert (facts.input_size, facts.input_width) == (24, 48)
    assert load_tflite(path, card_of(OBLONG))(np.zeros((3, *OBLONG), np.uint8)).shape == (3, 2)
