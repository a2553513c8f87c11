from __future__ import annotations

from pathlib import Path

import keras

from model.inference.layer_table import Layer, list_layers
from model.registry.card import KERAS_FILE
from tests.shipped import FAST, FAST_CARD, FAST_INT8


def test_the_layers_of_a_keras_file_with_shapes_and_parameters() -> None:
    layers = list_layers(FAST / KERAS_FILE)
    assert layers[0] == Layer("image", "InputLayer", "32 x 32 x 3", 0)
    assert layers[2] == Layer("whitening", "Conv2D", "31 x 31 x 24", 2 * 2 * 3 * 24 + 24)
    assert (layers[-1].kind, layers[-1].output) == ("Activation", "10")
    assert sum(layer.parameters for layer in layers) == FAST_CARD.parameters


def test_the_operations_of_a_tflite_file() -> None:
    layers = list_layers(FAST_INT8)
    assert layers[0] == Layer("1", "quantize", "32 x 32 x 3", 0)
    assert layers[3] == Layer("4", "conv 2d", "31 x 31 x 24", 2 * 2 * 3 * 24 + 24)
    assert [layer.kind for layer in layers[-3:]] == ["dequantize", "fully connected", "softmax"]


def test_a_layer_that_is_called_twice_stands_there_once(tmp_path: Path) -> None:
    pictures = keras.Input((8, 8, 3))
    twice = keras.layers.ReLU(name="twice")
    rows = keras.layers.Flatten(name="rows")(twice(keras.layers.UpSampling2D()(twice(pictures))))
    keras.Model(pictures, rows).save(tmp_path / "a.keras")
    shapes = {layer.name: layer.output for layer in list_layers(tmp_path / "a.keras")}
    assert shapes["twice"] == "8 x 8 x 3"
    assert shapes["rows"] == str(16 * 16 * 3)
