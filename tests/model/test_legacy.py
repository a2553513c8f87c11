from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from model.archives import parse, read_h5
from model.classifier import read_network
from model.legacy import modern, modernised
from tests.foreign import SIDE, sequential, write_h5, write_keras2

POLICY = {"class_name": "Policy", "config": {"name": "float32"}}


@pytest.mark.parametrize(("dtype", "as_list"), [("float32", False), (POLICY, True)])
def test_a_file_of_keras_2_loads_with_its_weights(tmp_path: Path, dtype: Any, as_list: bool) -> None:
    values = write_keras2(tmp_path / "old.h5", dtype, as_list)
    before = (tmp_path / "old.h5").read_bytes()
    network = read_network(tmp_path / "old.h5")
    assert (tmp_path / "old.h5").read_bytes() == before
    assert network.input_shape == (None, SIDE, SIDE, 3)
    loaded = [weight for layer in network.layers for weight in layer.get_weights()]
    assert all(np.array_equal(*pair) for pair in zip(loaded, values.values(), strict=True))
    images = np.random.default_rng(0).random((4, SIDE, SIDE, 3), np.float32)
    assert np.allclose(np.asarray(network(images)), by_hand(images, values), atol=1e-4)


def by_hand(images: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """The same network, calculated with NumPy alone."""

    def same(x: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (n, h, w, channels, 3, 3)

    x = np.einsum("nhwcij,ijco->nhwo", same(images), values["conv2d_0/kernel:0"]) + values["conv2d_0/bias:0"]
    x = np.maximum(x, 0)
    norm = {key.partition("/")[2]: value for key, value in values.items() if key.startswith("batchnorm")}
    x = (x - norm["moving_mean:0"]) / np.sqrt(norm["moving_variance:0"] + 1e-3) * norm["gamma:0"] + norm["beta:0"]
    x = np.einsum("nhwcij,ijc->nhwc", same(x), values["depthwiseconv2d_2/depthwise_kernel:0"][..., 0])
    x = np.where(x > 0, x, 0.1 * x)
    x = x.reshape(len(x), SIDE // 2, 2, SIDE // 2, 2, 4).max(axis=(2, 4)).reshape(len(x), -1)
    logits = x @ values["dense_7/kernel:0"] + values["dense_7/bias:0"]
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_keras_alone_does_not_load_it(tmp_path: Path) -> None:
    """Otherwise none of this would be needed."""
    write_keras2(tmp_path / "old.h5")
    with pytest.raises(Exception, match="groups"):
        keras.models.load_model(tmp_path / "old.h5", compile=False)


def test_a_functional_network_of_keras_2_loads(tmp_path: Path) -> None:
    description = {
        "class_name": "Model",
        "config": {
            "name": "model",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_input_shape": [None, 4, 4, 3], "dtype": "float32", "sparse": False, "name": "a"},
                    "name": "a",
                    "inbound_nodes": [],
                },
                {
                    "class_name": "GlobalAveragePooling2D",
                    "config": {"name": "b", "trainable": True, "dtype": "float32", "data_format": "channels_last"},
                    "name": "b",
                    "inbound_nodes": [[["a", 0, 0, {}]]],
                },
            ],
            "input_layers": [["a", 0, 0]],
            "output_layers": [["b", 0, 0]],
        },
    }
    network = read_network(write_h5(tmp_path / "old.h5", description))
    assert network.input_shape == (None, 4, 4, 3)
    assert network.output_shape == (None, 3)


def test_the_words_of_keras_3_stay_as_they_are(tmp_path: Path) -> None:
    description = sequential()
    before = copy.deepcopy(description)
    assert modern(description) == before
    network = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    network.save(tmp_path / "new.h5")
    with modernised(tmp_path / "new.h5") as readable:
        assert readable == tmp_path / "new.h5"


def test_odd_descriptions_do_not_break_it() -> None:
    for odd in (None, [], {}, {"class_name": "Sequential"}, {"class_name": "Sequential", "config": {"layers": [1]}}):
        modern(odd)
    with_text = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": "x"}]}}
    assert modern(with_text) == with_text


def test_the_test_file_is_laid_out_as_keras_2_did(tmp_path: Path) -> None:
    write_keras2(tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5") as file:
        assert "batch_input_shape" in file.attrs["model_config"]
        assert parse(file.attrs["model_config"]) == read_h5(tmp_path / "old.h5")
        assert "conv2d_0/conv2d_0/kernel:0" in file["model_weights"]
