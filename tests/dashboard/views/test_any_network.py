"""The pages with networks for grey and oblong pictures, and with classes that do not exclude each other."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from benchmarks.servers import ROOT
from dashboard.presenters.file_answers import answer
from dashboard.presenters.model_text import facts
from dashboard.services import explanation_cache, resources
from dashboard.services.explanation_cache import GRADIENT, OCCLUSION
from model.images.samples import list_samples
from model.inference.classifier import Classifier
from model.registry.card import Card, read_card, write_card
from model.signature.shapes import InputShape
from tests.dashboard.page_visit import texts
from tests.drawn import encode
from tests.shaped import GREY, OBLONG, STRIP, card_of, halves, telling_halves


def bundle(folder: Path, network: keras.Model, card: Card) -> Card:
    folder.mkdir(parents=True)
    network.save(folder / "model.keras")
    return write_card(folder, dataclasses.replace(card, name=folder.name))


@pytest.fixture(autouse=True)
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "bundles"


def labels(folder: Path) -> Card:
    """A network that sees, each by itself, whether the upper half, the picture and the lower half are bright."""
    given = keras.Input((16, 16, 3))
    rows = keras.layers.AveragePooling2D((8, 16))(given)
    head = keras.layers.Dense(3, activation="sigmoid")
    network = keras.Model(given, head(keras.layers.Flatten()(rows)))
    kernel = np.repeat([[10.0, 10.0, 0.0], [0.0, 0.0, 10.0]], 3, axis=0) / 3
    head.set_weights([kernel, np.full(3, -5.0)])
    card = Card("x", ("above", "up there", "below"), 16, 0, 0, "", "", "", scaling="unit")
    return bundle(folder, network, dataclasses.replace(card, output="independent probabilities"))


def asked(model: str) -> AppTest:
    """The page Classify after a click on a sample picture."""
    test = AppTest.from_file(str(ROOT / "dashboard" / "main.py"), default_timeout=300)
    test.query_params["model"] = model
    return test.run().button(key=list_samples()[0].css_key).click().run()


@pytest.mark.parametrize("shape", [OBLONG, GREY, STRIP])
def test_why_a_network_of_another_shape_answers(bundles: Path, shape: InputShape) -> None:
    bundle(bundles / "mine", telling_halves(shape), card_of(shape))
    classifier = resources.classifier("mine")
    found = answer(encode(halves(up=True), "PNG"), classifier)
    assert found.prediction is not None and found.prediction.best.label == "up"
    assert explanation_cache.model_input(found).shape == shape
    for method in (GRADIENT, OCCLUSION):
        marks = explanation_cache.saliency_map(found, classifier, 0, method)
        assert marks.shape == shape[:2]
        assert marks[: shape.height // 3].mean() > marks[-shape.height // 3 :].mean()
    assert {trial.image.shape for trial in explanation_cache.robustness_trials(found, classifier)} == {tuple(shape)}
    assert facts(read_card(bundles / "mine"))[0].value == shape.pixels
    if shape == STRIP:  # a process of its own, for seconds
        assert resources.converted_file("mine", ".tflite")


def test_the_page_says_and_shows_what_such_a_network_sees(bundles: Path) -> None:
    bundle(bundles / "mine", telling_halves(STRIP), card_of(STRIP))
    test = asked("mine")
    assert not test.exception
    assert "16 x 40 pixels (height x width), grey, cut at the centre" in texts(test)


def test_classes_that_do_not_exclude_each_other_stand_by_themselves(bundles: Path) -> None:
    card = labels(bundles / "labels")
    classifier = Classifier.load(bundles / "labels")
    look = classifier.classify(encode(halves(up=True), "PNG"))
    shares = {score.label: score.probability for score in look.prediction.scores}
    assert shares["above"] > 0.9 and shares["up there"] > 0.9 and shares["below"] < 0.1
    assert [score.label for score in look.prediction.answers] == ["above", "up there"]
    assert not card.exclusive


def test_the_page_says_that_they_do_not(bundles: Path) -> None:
    labels(bundles / "labels")
    test = asked("labels")
    assert not test.exception
    assert "The classes do not exclude each other: each has its own probability" in texts(test)


def test_a_grey_picture_is_shown_grey(bundles: Path) -> None:
    bundle(bundles / "mine", telling_halves(GREY), card_of(GREY))
    found = answer(encode(Image.new("RGB", (80, 80), (255, 0, 0)), "PNG"), resources.classifier("mine"))
    assert (explanation_cache.model_input(found) == 76).all()  # the luminance of red
