from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from model.common.errors import BundleError, UnsafeModelError
from model.export import conversion as converting
from model.export.conversion import _write_keras, can_convert, convert, export
from model.inference.classifier import Classifier, read_network
from model.registry import store
from model.registry.card import H5_FILE, INT8_FILE, KERAS_FILE, TFLITE_FILE, Card, read_card, write_card
from model.registry.resolution import find_bundle
from tests.drawn import draw_images
from tests.foreign import write_h5
from tests.shipped import FAST, FAST_CARD, FAST_INT8

CARD = Card("mine", ("cat", "dog", "frog"), 16, 0, 0, "", "", "", scaling="unit", output="logits")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose network wants 0 to 1, gives logits and flips pictures while it is trained."""
    keras.utils.set_random_seed(3)
    folder = tmp_path_factory.mktemp("bundles") / "mine"
    folder.mkdir()
    flip, convolve = keras.layers.RandomFlip(), keras.layers.Conv2D(8, 5, activation="relu")
    parts = [keras.Input((16, 16, 3)), flip, convolve, keras.layers.Flatten(), keras.layers.Dense(3)]
    keras.Sequential(parts).save(folder / KERAS_FILE)
    write_card(folder, CARD)
    return folder


@pytest.mark.parametrize(("suffix", "file"), [(".keras", KERAS_FILE), (".tflite", INT8_FILE)])
def test_a_file_that_is_there_comes_byte_for_byte(suffix: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "run_sandboxed", lambda *_: pytest.fail("converted"))
    assert convert(FAST, FAST_CARD, suffix) == (FAST / file).read_bytes()


def as_bundle(folder: Path, file: str, content: bytes, card: Card) -> Classifier:
    folder.mkdir()
    (folder / file).write_bytes(content)
    write_card(folder, card)
    return Classifier.load(folder)


def test_an_onnx_file_gives_the_networks_probabilities_of_bytes(stranger: Path) -> None:
    onnx, reference = pytest.importorskip("onnx"), pytest.importorskip("onnx.reference")
    pytest.importorskip("tf2onnx")
    content = convert(stranger, read_card(stranger), ".onnx")
    (given,) = onnx.load_from_string(content).graph.input
    images = draw_images(5, 16)
    (answers,) = reference.ReferenceEvaluator(content).run(None, {given.name: images})
    np.testing.assert_allclose(answers, Classifier.load(stranger).probabilities(images), atol=1e-5)


def test_an_onnx_file_is_offered_only_where_it_can_be_written(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converting, "is_installed", lambda extra: False)
    monkeypatch.setattr("model.common.extras.is_installed", lambda extra: False)
    assert not can_convert(read_card(stranger), ".onnx")
    with pytest.raises(BundleError, match="pip install onnx tf2onnx installs it"):
        convert(stranger, read_card(stranger), ".onnx")
    monkeypatch.setattr(converting, "is_installed", lambda extra: True)
    assert can_convert(read_card(stranger), ".onnx") and not can_convert(replace(CARD, files={}), ".onnx")


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".tflite"])
def test_what_is_exported_is_byte_for_byte_what_was_added(tmp_path: Path, home: Path, suffix: str) -> None:
    content = bytes(range(256)) * 5000
    store.save_model(content, suffix, "mine", CARD)
    assert export("mine", tmp_path / f"out{suffix}") == len(content)
    assert (tmp_path / f"out{suffix}").read_bytes() == content
    assert list(tmp_path.glob(".*")) == []


def test_a_model_that_ships_can_be_exported_too(tmp_path: Path, home: Path) -> None:
    export("fast", tmp_path / "out.tflite")
    assert (tmp_path / "out.tflite").read_bytes() == FAST_INT8.read_bytes()


def test_export_refuses_what_it_cannot_write(tmp_path: Path, home: Path) -> None:
    store.save_model(b"bytes", ".tflite", "mine", CARD)
    with pytest.raises(BundleError, match=r"'mine' is a \.tflite file, which cannot be turned into \.h5"):
        export("mine", tmp_path / "out.h5")
    with pytest.raises(BundleError, match=r"out\.txt should end in one of \.keras, \.h5, \.tflite, \.onnx"):
        export("mine", tmp_path / "out.txt")
    (tmp_path / "out.tflite").write_text("precious")
    with pytest.raises(BundleError, match="exists already"):
        export("mine", tmp_path / "out.tflite")
    assert (tmp_path / "out.tflite").read_text() == "precious"
    with pytest.raises(BundleError, match="cannot be written: No such file or directory"):
        export("mine", tmp_path / "nowhere" / "out.tflite")
    store.save_model(b"other", ".keras", "float", CARD)
    with pytest.raises(BundleError, match=r"'float' has no \.tflite file; the Models page can make one"):
        export("float", tmp_path / "float.tflite")


def test_an_h5_file_answers_like_the_original(stranger: Path, tmp_path: Path) -> None:
    content = convert(stranger, read_card(stranger), ".h5")
    images = draw_images(20, 16)
    made = as_bundle(tmp_path / "made", H5_FILE, content, CARD).probabilities(images)
    assert np.allclose(made, Classifier.load(stranger).probabilities(images), atol=1e-5)
    keras.models.load_model(tmp_path / "made" / H5_FILE, compile=False)  # Keras alone reads it


def test_what_keras_could_not_read_from_an_h5_file_is_not_written() -> None:
    photo = find_bundle("photo")  # its prior is arithmetic between layers
    with pytest.raises(BundleError, match=r"'photo' cannot be turned into \.h5: .*; \.keras and \.onnx hold it"):
        convert(photo, read_card(photo), ".h5")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_activation_of_keras_2_is_not_written(suffix: str, tmp_path: Path) -> None:
    layer = {"name": "a", "batch_input_shape": [None, 8, 8, 3], "activation": "hard_sigmoid"}
    layers = [
        {"class_name": "Activation", "config": layer},
        {"class_name": "Flatten", "config": {"name": "b"}},
        {"class_name": "Activation", "config": {"name": "c", "activation": "softmax"}},
    ]
    path = write_h5(tmp_path / "old.h5", {"class_name": "Sequential", "config": {"name": "d", "layers": layers}})
    with pytest.raises(UnsafeModelError, match=rf"could not read that from \{suffix}; \.onnx holds it"):
        _write_keras(read_network(path), tmp_path / f"new{suffix}")


def test_an_int8_file_takes_pictures_and_gives_probabilities(stranger: Path, tmp_path: Path) -> None:
    content = convert(stranger, read_card(stranger), ".tflite", draw_images(40, 16, seed=1))
    images = draw_images(20, 16)
    card = replace(CARD, scaling="none", output="probabilities")
    made = as_bundle(tmp_path / "made", TFLITE_FILE, content, card).probabilities(images)
    exact = Classifier.load(stranger).probabilities(images)
    assert np.allclose(made.sum(axis=1), 1, atol=1e-5)
    assert np.abs(made - exact).max() < 0.05
    assert exact.std(axis=0).min() > 0.02


def test_a_tflite_file_cannot_be_turned_back(stranger: Path) -> None:
    card = replace(FAST_CARD, files={INT8_FILE: FAST_CARD.files[INT8_FILE]})
    assert [suffix for suffix in converting.KINDS if can_convert(card, suffix)] == [".tflite"]
    with pytest.raises(BundleError, match=r"'fast' is a \.tflite file, which cannot be turned into \.h5"):
        convert(FAST, card, ".h5")


def test_what_does_not_work_is_a_sentence(stranger: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"'mine' cannot be turned into \.tflite: an int8 file needs pictures"):
        convert(stranger, read_card(stranger), ".tflite")
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / KERAS_FILE).write_bytes(b"no network")
    card = write_card(folder, CARD)
    with pytest.raises(BundleError, match=r"'mine' cannot be turned into \.h5: it is damaged"):
        convert(folder, card, ".h5")
    (folder / KERAS_FILE).write_bytes(b"something else")
    with pytest.raises(BundleError, match="is not the file its card describes"):
        convert(folder, card, ".h5")
