from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from model.networks.architectures import ARCHITECTURES, build_model
from tests.drawn import draw_images, enliven

# Loads and runs a network where nothing of this project can be imported.
ELSEWHERE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("model", "training"):
            raise ImportError(f"{name} is asked for")

sys.meta_path.insert(0, Refuse())
import keras, numpy
network = keras.models.load_model(sys.argv[1], compile=False, safe_mode=True)
numpy.save(sys.argv[3], network.predict(numpy.load(sys.argv[2]), verbose=0))
"""


# What a test can build without a download.
OFFLINE = {"transfer": {"backbone": "mobilenet", "weights": "none"}}


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("classes", "size"), [(10, 32), (2, 40), (7, 45)])
def test_uint8_in_probabilities_out(name: str, classes: int, size: int) -> None:
    keras.utils.set_random_seed(0)  # two classes of a few random networks look alike
    network = build_model(name, classes, size, **OFFLINE.get(name, {}))
    enliven(network)
    assert network.inputs[0].dtype == "uint8"
    probabilities = np.asarray(network(draw_images(3, size)))
    assert probabilities.shape == (3, classes)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    assert probabilities.min() >= 0
    logarithms = np.log(probabilities + 1e-30)
    assert np.abs(logarithms[0] - logarithms[1]).max() > 0.01  # it looks at the picture


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_saved_network_needs_keras_alone(name: str, tmp_path: Path) -> None:
    network, images = build_model(name, 3, 32, **OFFLINE.get(name, {})), draw_images(4, 32)
    enliven(network)
    network.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    paths = [str(tmp_path / file) for file in ("model.keras", "images.npy", "probabilities.npy")]
    (tmp_path / "empty").mkdir()
    subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE, *paths], cwd=tmp_path / "empty", check=True, capture_output=True
    )
    assert np.allclose(np.load(tmp_path / "probabilities.npy"), np.asarray(network(images)), atol=1e-5)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        ValueError, match=r"unknown architecture 'airbensh'; architectures: .*airbench.*; did you mean 'airbench'?"
    ):
        build_model("airbensh", 10)


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ValueError, match=r"'airbench' has no stem; its settings: widths, depth, activation"):
        build_model("airbench", 10, stem=3)


def test_settings_reach_the_network() -> None:
    narrow, wide = (build_model("airbench", 10, widths=(width,) * 3).count_params() for width in (8, 16))
    assert 3 * narrow < wide


def prepared(images: np.ndarray) -> keras.Model:
    network = build_model("airbench", 3, 32, widths=(16, 32, 32))
    prepare = ARCHITECTURES["airbench"].prepare
    assert prepare is not None
    prepare(network, images)
    return network


def test_prepare_whitens() -> None:
    images = draw_images(120)
    network = prepared(images)
    whitened = keras.Model(network.input, network.get_layer("whitening").output)
    outputs = np.asarray(whitened(images)).reshape(-1, 24)
    moments = outputs.T @ outputs / len(outputs)
    assert np.allclose(moments[:12, :12], np.eye(12), atol=0.05)
    assert np.allclose(outputs[:, 12:], -outputs[:, :12], atol=1e-4)


def test_whitening_is_not_trained() -> None:
    network = prepared(draw_images(30))
    trained = [variable.path for variable in network.trainable_variables]
    assert "whitening/kernel" not in trained
    assert "block1_conv1/kernel" in trained


def test_prepared_convolutions_pass_their_input_on() -> None:
    images = draw_images(30)
    network = prepared(images)
    layer = network.get_layer("block2_conv1")
    given, result = (np.asarray(keras.Model(network.input, tensor)(images)) for tensor in (layer.input, layer.output))
    assert np.allclose(result[..., :16], given, atol=1e-5)
    assert not np.allclose(result[..., 16:], given, atol=1e-2)
