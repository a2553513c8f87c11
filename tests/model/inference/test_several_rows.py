"""Networks of ours that give more than probabilities, by either engine."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from model.common.errors import BundleError
from model.export.conversion import convert
from model.export.quantization import quantize
from model.inference.classifier import Classifier
from model.inference.layer_table import list_layers
from model.registry.card import CARD_FILE, H5_FILE, INT8_FILE, KERAS_FILE, Card, read_card, write_card
from tests.drawn import draw_images

ROWS = ("probabilities", "known", "imagenet")
PICTURES = draw_images(20, 16)


def network_with_rows() -> keras.Model:
    keras.utils.set_random_seed(1)
    pictures = keras.Input((16, 16, 3), dtype="uint8")
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(pictures))
    x = layers.GlobalAveragePooling2D()(x)
    wide = keras.initializers.RandomNormal(stddev=3, seed=2)
    ends = [
        layers.Dense(width, activation, kernel_initializer=wide)(x)
        for width, activation in ((3, "softmax"), (1, "sigmoid"), (1000, "softmax"))
    ]
    return keras.Model(pictures, ends)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "several"
    folder.mkdir()
    network = network_with_rows()
    network.save(folder / KERAS_FILE)
    quantize(network, PICTURES, folder / INT8_FILE)
    write_card(folder, Card("several", ("a", "b", "c"), 16, 0, 0, "", "", "", outputs=ROWS))
    return folder


@pytest.mark.parametrize("engine", ["keras", "int8"])
def test_a_pass_gives_all_rows_in_the_cards_order(bundle: Path, engine: str) -> None:
    classifier = Classifier.load(bundle, engine)
    rows = classifier.rows(PICTURES)
    exact = [np.asarray(row) for row in network_with_rows()(PICTURES, training=False)]
    assert list(rows) == list(ROWS)
    for row, expected in zip(rows.values(), exact, strict=True):
        assert np.abs(row - expected).max() < (1e-5 if engine == "keras" else 0.05)
    assert (classifier.probabilities(PICTURES) == rows["probabilities"]).all()
    assert classifier.probabilities(PICTURES[:1]).shape == (1, 3)


def test_its_layers_are_listed_with_all_ends(bundle: Path) -> None:
    found = list_layers(bundle / KERAS_FILE, ROWS)
    assert [layer.output for layer in found if layer.kind == "Dense"] == ["3", "1", "1000"]


def test_an_h5_file_gives_all_rows_too(bundle: Path, tmp_path: Path) -> None:
    card = read_card(bundle)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / H5_FILE).write_bytes(convert(bundle, card, ".h5"))
    write_card(tmp_path / "made", dataclasses.replace(card, files={}))
    rows = Classifier.load(tmp_path / "made").rows(PICTURES)
    for name, row in Classifier.load(bundle).rows(PICTURES).items():
        np.testing.assert_allclose(rows[name], row, atol=1e-5)


def test_an_onnx_file_gives_all_rows_too(bundle: Path) -> None:
    onnx, reference = pytest.importorskip("onnx"), pytest.importorskip("onnx.reference")
    pytest.importorskip("tf2onnx")
    content = convert(bundle, read_card(bundle), ".onnx")
    (given,) = onnx.load_from_string(content).graph.input
    answers = reference.ReferenceEvaluator(content).run(None, {given.name: PICTURES})
    for answer, row in zip(answers, Classifier.load(bundle).rows(PICTURES).values(), strict=True):
        np.testing.assert_allclose(answer, row, atol=1e-5)


def test_explanations_see_a_network_of_one_row(bundle: Path) -> None:
    network = Classifier.load(bundle, "keras").network
    assert network is not None
    assert [output.shape for output in network.outputs] == [(None, 3)]


@pytest.mark.parametrize("engine", ["keras", "int8"])
@pytest.mark.parametrize("outputs", [(), ROWS[:2], ("probabilities", "imagenet", "known", "features")])
def test_a_card_that_names_other_rows_is_refused(
    bundle: Path, tmp_path: Path, engine: str, outputs: tuple[str, ...]
) -> None:
    for file in (KERAS_FILE, INT8_FILE):
        (tmp_path / file).write_bytes((bundle / file).read_bytes())
    write_card(tmp_path, dataclasses.replace(read_card(bundle), outputs=outputs))
    if engine == "keras" and "features" in outputs:
        assert Classifier.load(tmp_path, engine).rows(PICTURES)["features"].shape == (20, 8)
        return
    with pytest.raises(BundleError, match=r"cannot be loaded: it has 3 outputs"):
        Classifier.load(tmp_path, engine)


def test_a_card_with_unknown_rows_is_refused(bundle: Path, tmp_path: Path) -> None:
    content = json.loads((bundle / CARD_FILE).read_text("utf-8")) | {"outputs": ["probabilities", "age"]}
    (tmp_path / CARD_FILE).write_text(json.dumps(content), "utf-8")
    with pytest.raises(BundleError, match="is not a card of this version"):
        read_card(tmp_path)
