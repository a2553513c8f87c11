"""Grey and oblong networks from their files to answers, and the words for their sizes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

from model.cli.models import app
from model.evaluation.test_set_predictions import network_key
from model.export.quantization import bake_in_pre_and_postprocessing, quantize
from model.images.decoder import to_array
from model.inference.classifier import Classifier, compile_network
from model.inference.lite import load_tflite
from model.inference.pool import choose
from model.intake import add_model
from model.intake.add_model import ModelOptions, add_file
from model.intake.inspection import inspect_here
from model.registry.card import CARD_FILE, Card, parse_card, read_card
from model.registry.locations import BUNDLES
from model.registry.resolution import find_by_name
from model.signature.shapes import InputShape, SizeError, parse_sides, to_input_shape
from tests.drawn import encode
from tests.shaped import CLASSES, GREY, OBLONG, STRIP, TALL, card_of, halves, telling_halves


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    monkeypatch.setattr(add_model, "inspect", inspect_here)  # TensorFlow need not be imported anew


@pytest.mark.parametrize("shape", [OBLONG, TALL, GREY, STRIP])
def test_a_network_of_any_shape_is_added_and_answers(tmp_path: Path, shape: InputShape) -> None:
    telling_halves(shape).save(tmp_path / "net.keras")
    add_file(tmp_path / "net.keras", ModelOptions(classes=",".join(CLASSES), scaling="unit"))
    assert read_card(find_by_name("net")).input_shape == shape
    classifier = Classifier.load("net")
    for up in (True, False):
        found = classifier.classify(encode(halves(up), "PNG"))
        assert found.seen.shape == shape
        assert found.prediction.best.label == CLASSES[not up]
        assert found.prediction.best.probability > 0.9


def test_grey_pictures_without_an_axis_for_their_one_channel(tmp_path: Path) -> None:
    telling_halves(GREY, flat=True).save(tmp_path / "net.keras")
    add_file(tmp_path / "net.keras", ModelOptions(classes=",".join(CLASSES), scaling="unit"))
    classifier = Classifier.load("net")
    assert classifier.classify(encode(halves(up=False), "PNG")).prediction.best.label == "down"
    assert classifier.network is not None
    images = np.stack([to_array(halves(up), GREY) for up in (True, False)] * 8)
    quantize(bake_in_pre_and_postprocessing(classifier.network, classifier.card), images, tmp_path / "net.tflite")
    rows = load_tflite(tmp_path / "net.tflite", card_of(GREY, "none"))(images)
    assert rows[:, 0].round().tolist() == [1, 0] * 8


@pytest.mark.parametrize("shape", [OBLONG, STRIP])
def test_its_int8_file_takes_the_same_pictures(tmp_path: Path, shape: InputShape) -> None:
    network, card = telling_halves(shape), card_of(shape)
    images = np.stack([to_array(halves(up), shape) for up in (True, False)] * 8)
    quantize(bake_in_pre_and_postprocessing(network, card), images, tmp_path / "net.tflite")
    facts = inspect_here(tmp_path / "net.tflite", "", 0)
    assert (facts.input_size, facts.input_width, facts.channels) == shape
    rows = load_tflite(tmp_path / "net.tflite", card_of(shape, "none"))(images)
    assert np.abs(rows - compile_network(network, card)(images)).max() < 0.05


def test_grey_is_the_brightness_of_a_colour() -> None:
    network, card = telling_halves(GREY), card_of(GREY)
    classifier = Classifier(card, "keras", compile_network(network, card))
    picture = halves(up=True)
    picture.paste((0, 0, 255), (0, 0, 96, 32))  # blue is darker than half as much of all three
    picture.paste((90, 90, 90), (0, 32, 96, 64))
    assert classifier.classify(encode(picture, "PNG")).prediction.best.label == "down"


def test_other_arrays_than_the_networks_are_refused() -> None:
    card = card_of(OBLONG)
    classifier = Classifier(card, "keras", compile_network(telling_halves(OBLONG), card))
    with pytest.raises(ValueError, match=r"uint8 \(1, 48, 24, 3\); the network takes uint8 \(n, 24, 48, 3\)"):
        classifier.probabilities(np.zeros((1, 48, 24, 3), np.uint8))


def test_a_network_for_any_size_gets_height_and_width(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((None, None, 1)), layers.GlobalAveragePooling2D(), layers.Dense(2)]).save(
        tmp_path / "net.keras"
    )
    run = CliRunner().invoke(app, ["add", str(tmp_path / "net.keras"), "--input-size", "24x48"])
    assert "2 classes, 24 x 48 pixels (height x width), grey" in run.output
    assert "24 x 48 pixels (height x width), grey" in CliRunner().invoke(app, ["show", "net"]).output
    assert read_card(find_by_name("net")).input_shape == (24, 48, 1)
    run = CliRunner().invoke(app, ["add", str(tmp_path / "net.keras"), "--input-size", "large"])
    assert run.exit_code == 1
    assert "'large' is not a size in pixels; write 64, or 24x48 for height x width" in run.output


@pytest.mark.parametrize(
    ("text", "sides"),
    [("", (0, 0)), ("0", (0, 0)), ("64", (64, 64)), ("24x48", (24, 48)), (" 24 X 48 ", (24, 48)), ("24×48", (24, 48))],
)
def test_a_size_is_read(text: str, sides: tuple[int, int]) -> None:
    assert parse_sides(text) == sides


@pytest.mark.parametrize("text", ["x", "24x", "-3", "24x48x1", "1e3", "٣٢", "9" * 9])
def test_what_is_no_size_is_a_sentence(text: str) -> None:
    with pytest.raises(SizeError, match="is not a size in pixels"):
        parse_sides(text)


def test_cards_of_earlier_versions_are_of_rgb_squares() -> None:
    content = json.loads((BUNDLES / "fast" / CARD_FILE).read_text("utf-8"))
    older = {key: value for key, value in content.items() if key not in ("input_width", "channels")}
    assert parse_card(older).input_shape == to_input_shape(32) == (32, 32, 3)
    assert to_input_shape(32).key == 32


def test_one_file_at_two_sizes_is_two_networks() -> None:
    card = choose("fast").card
    assert network_key(card, "int8") != network_key(replace(card, input_width=48), "int8")


def test_answers_that_were_divided_by_their_sum_are_not_taken_for_those_given() -> None:
    card = choose("fast").card
    output = "independent probabilities"
    alone = replace(card, output=output)
    before = repr((card.files["model-int8.tflite"].sha256, "int8", 32, 10, card.scaling, output))
    assert hashlib.sha256(before.encode()).hexdigest()[:16] not in network_key(alone, "int8")
    assert not alone.exclusive and card.exclusive


def test_a_size_in_words() -> None:
    assert InputShape(32, 32).pixels == "32 x 32 pixels"
    assert InputShape(28, 28, 1).pixels == "28 x 28 pixels, grey"
    assert Card("x", (), 24, 0, 0, "", "", "", input_width=48).input_shape.pixels == "24 x 48 pixels (height x width)"
