from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from model.export import quantization
from model.export.bias_correction import correct_biases
from model.export.quantization import quantize
from tests.drawn import draw_images


def network_of(activation: str, widths: tuple[int, ...] = (16, 24, 24, 32), zeros: bool = False) -> keras.Model:
    """Convolutions, the last by channel, whose kernels have a few large numbers: rounding the others costs."""
    rng = np.random.default_rng(4)
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    features = keras.layers.Rescaling(1 / 255)(inputs)
    for width in widths:
        features = keras.layers.Conv2D(width, 3, padding="same")(features)
        features = keras.layers.Activation(activation)(features)
    features = keras.layers.DepthwiseConv2D(3)(features)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(features))
    network = keras.Model(inputs, keras.layers.Dense(5, "softmax", name="logits")(pooled))
    for layer in network.layers:
        if layer.weights:
            kernel, offsets = layer.get_weights()
            large = rng.random(kernel.shape) < 0.03
            kernel = np.where(large, rng.normal(0, 1.5, kernel.shape), np.abs(rng.normal(0, 0.02, kernel.shape)))
            offsets = np.zeros(offsets.shape) if zeros else rng.normal(0, 0.1, offsets.shape)
            layer.set_weights([kernel.astype(np.float32), offsets.astype(np.float32)])
    return network


def missed(network: keras.Model, path: Path, images: np.ndarray) -> float:
    """How far the answers of an int8 file are from its network's, on average."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (given,), (answer,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for image in images:
        interpreter.set_tensor(given["index"], image[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(answer["index"])[0])
    return float(np.abs(np.stack(rows) - network.predict(images, verbose=0)).sum(axis=1).mean())


@pytest.mark.parametrize("activation", ["relu6", "relu", "linear"])
def test_answers_are_nearer_to_the_networks(activation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, images = network_of(activation), draw_images(120, 16)
    quantize(network, images[:60], tmp_path / "corrected.tflite")
    monkeypatch.setattr(quantization, "correct_biases", lambda content, floating, images: content)
    quantize(network, images[:60], tmp_path / "plain.tflite")
    corrected, plain = (missed(network, tmp_path / f"{name}.tflite", images[60:]) for name in ("corrected", "plain"))
    assert corrected < 0.85 * plain


def test_layers_that_share_a_bias_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[bool] = []

    def correct(content: bytes, floating: bytes, images: np.ndarray) -> bytes:
        corrected = correct_biases(content, floating, images)
        changed.append(corrected != content)
        return corrected

    monkeypatch.setattr(quantization, "correct_biases", correct)
    images = draw_images(20, 16)
    for zeros in (True, False):
        quantize(network_of("relu", (12, 12), zeros), images, tmp_path / "int8.tflite")
    assert changed == [False, True]
