"""The int8 files of many kinds of networks: what they answer, number by number, beside the float network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from model.export.float_tail import MAX_FLOAT_WEIGHTS
from model.export.quantization import bake_in_pre_and_postprocessing, quantize
from model.formats.tflite_operations import read_operations
from model.inference.lite import load_tflite
from model.registry.card import Card
from tests.drawn import draw_images
from training.engine.calibration import AdaptiveTemperature, add_adaptive_temperature

SIDE, PICTURES = 16, draw_images(60, 16)


def body() -> list[keras.Layer]:
    return [layers.Rescaling(1 / 255), layers.Conv2D(16, 3, strides=2, activation="relu"), layers.BatchNormalization()]


def sequential(*end: keras.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), *body(), *end])


def functional(end: Callable[[keras.KerasTensor], keras.KerasTensor]) -> keras.Model:
    pictures = keras.Input((SIDE, SIDE, 3))
    features = pictures
    for layer in (*body(), layers.GlobalAveragePooling2D()):
        features = layer(features)
    return keras.Model(pictures, end(features))


def dense(units: int, activation: str | None = None) -> keras.Layer:
    """A layer whose answers are apart from picture to picture, untrained as it is."""
    return layers.Dense(units, activation, kernel_initializer=keras.initializers.RandomNormal(stddev=3, seed=2))


def sigmoids(features: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Concatenate()([dense(4, "sigmoid")(features), dense(6, "sigmoid")(features)])


def nested(features: keras.KerasTensor) -> keras.KerasTensor:
    head = keras.Sequential([keras.Input((16,)), layers.Dense(12, "relu"), dense(10), layers.Softmax()])
    return head(features)


def calibrated() -> keras.Model:
    network = functional(dense(10))
    return add_adaptive_temperature(network, network.output, AdaptiveTemperature(guess=0.5, start=0.4, slope=0.9))


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "softmax in the last layer": lambda: functional(dense(10, "softmax")),
    "softmax as a layer of its own": lambda: sequential(
        layers.Flatten(), layers.Dense(10), layers.Activation("softmax")
    ),
    "adaptive temperature": calibrated,
    "one sigmoid": lambda: functional(dense(1, "sigmoid")),
    "sigmoids of two layers": lambda: functional(sigmoids),
    "a head nested in it": lambda: functional(nested),
    "convolutions to the end": lambda: sequential(layers.Conv2D(10, 1), layers.GlobalMaxPooling2D(), layers.Softmax()),
}


def int8_answers(network: keras.Model, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the network and its int8 file answer, float32 (60, numbers) each."""
    quantize(network, PICTURES, path)
    card = Card("net", (), SIDE, 0, 0, "", "", "")
    return np.asarray(network(PICTURES.astype(np.float32), training=False)), load_tflite(path, card)(PICTURES)


@pytest.mark.parametrize("kind", NETWORKS)
def test_an_int8_file_takes_one_picture_and_answers_in_full_resolution(kind: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    network = NETWORKS[kind]()
    exact, answers = int8_answers(network, tmp_path / "net.tflite")
    assert np.abs(answers - exact).max() < 0.02 + 0.01 * np.abs(exact).max()
    # In steps of 1/256 there are 256 different numbers at most, and never as many as there are answers.
    assert len(np.unique(answers)) > 0.95 * answers.size
    if np.allclose(exact.sum(axis=1), 1, atol=1e-5):
        assert np.abs(answers.sum(axis=1) - 1).max() < 1e-5
        assert answers.min() > 0
    interpreter = Interpreter(model_path=str(tmp_path / "net.tflite"))
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (given["shape_signature"].tolist(), given["dtype"]) == ([1, SIDE, SIDE, 3], np.uint8)
    assert (answer["shape_signature"].tolist(), answer["dtype"]) == ([1, exact.shape[1]], np.float32)


def test_pictures_of_any_size_are_taken_in_the_cards_size(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    parts = [keras.Input((None, None, 3)), *body(), layers.GlobalAveragePooling2D(), dense(10)]
    whole = bake_in_pre_and_postprocessing(
        keras.Sequential(parts), Card("net", (), SIDE, 0, 0, "", "", "", output="logits")
    )
    exact, answers = int8_answers(whole, tmp_path / "net.tflite")
    assert np.abs(answers - exact).max() < 0.02
    assert np.abs(answers.sum(axis=1) - 1).max() < 1e-5


def test_a_large_last_layer_is_stored_as_int8_and_answers_in_full_resolution_too(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    exact, answers = int8_answers(sequential(layers.Flatten(), layers.Dense(100)), tmp_path / "net.tflite")
    assert np.abs(answers - exact).max() < 0.02 * np.ptp(exact)
    assert len(np.unique(answers)) > 0.95 * answers.size
    weights = sum(operation.weights for operation in read_operations(tmp_path / "net.tflite"))
    assert weights > 2 * MAX_FLOAT_WEIGHTS
    assert (tmp_path / "net.tflite").stat().st_size < 1.25 * weights


def test_a_convolution_over_a_large_map_stays_int8_and_what_follows_it_is_float32(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.export.float_tail.FREE_MULTIPLICATIONS", 0)
    keras.utils.set_random_seed(1)
    end = (layers.Conv2D(64, 3, padding="same"), layers.GlobalAveragePooling2D(), layers.Softmax())
    exact, answers = int8_answers(sequential(*end), tmp_path / "net.tflite")
    assert np.abs(answers - exact).max() < 0.02
    assert np.abs(answers.sum(axis=1) - 1).max() < 1e-5
    kinds = [operation.kind for operation in read_operations(tmp_path / "net.tflite")]
    assert kinds[-4:] == ["CONV_2D", "DEQUANTIZE", "MEAN", "SOFTMAX"]
