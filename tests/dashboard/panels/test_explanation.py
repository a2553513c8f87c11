"""What stands under an answer when a visitor asks why."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.services import explanation_cache
from model.explanation.saliency import NoMapError
from model.i18n import translations
from model.inference.classifier import Classifier
from model.registry.card import INT8_FILE, KNOWN_FILE, read_card, write_card
from model.registry.resolution import DEFAULT
from tests.dashboard.page_visit import SAMPLES, texts, visit
from tests.drawn import draw_cifar10, draw_folder
from tests.shipped import FAST

TABS = {"map": "Where it looked", "alike": "Nearest training pictures", "steady": "Robustness"}
TESTED = "frog-brown.png"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("VITRINE_DATA", raising=False)
    return tmp_path / "home"


def opened(tab: str = "map", **query: str) -> AppTest:
    """A sample's answer with the panel open."""
    test = AppTest.from_file(str(SAMPLES.parent / "dashboard" / "main.py"), default_timeout=300)
    for name, value in ({"sample": TESTED} | query).items():
        test.query_params[name] = value
    test.session_state["why-answer"] = True
    test.session_state["why-tabs-answer"] = TABS[tab]
    test.run()
    assert not test.exception
    return test


def chooser(test: AppTest) -> Any:
    """The choice of the class that a map is drawn for."""
    (found,) = [box for box in test.selectbox if (box.key or "").startswith("why-class")]
    return found


def test_nothing_is_worked_out_before_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("saliency_map", "robustness_trials", "find_index"):
        monkeypatch.setattr(explanation_cache, name, lambda *_: pytest.fail("nobody asked"))
    test = visit(sample=TESTED)
    assert not test.exception
    assert "Why this answer" in [panel.label for panel in test.expander]


def test_a_map_of_the_answer_or_of_any_class_by_either_method() -> None:
    test = opened()
    assert "evidence for “frog”" in texts(test)
    assert chooser(test).value == 6
    table = test.table[0].value
    assert table.shape == (3, 3)
    chooser(test).set_value(3).run()
    assert "“cat”" in texts(test)
    test.radio(key="why-method-answer").set_value("occlusion").run()
    assert not test.exception
    assert "covering this part" in texts(test)


def test_another_network_starts_with_its_own_answer() -> None:
    test = opened(model="fast")
    chooser(test).set_value(3).run()
    test.selectbox(key="model").select("small").run()  # it sees the same pixels
    assert not test.exception
    assert chooser(test).value == 6


def test_how_steady_the_answer_is() -> None:
    test = opened("steady")
    assert "small changes" in texts(test)
    assert len(next(frame.value for frame in test.dataframe if "change" in frame.value)) == 17


def test_without_training_pictures_it_says_how_to_have_them() -> None:
    assert "Set VITRINE_DATA to their folder" in opened("alike").info[0].value


def test_the_five_nearest_training_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    monkeypatch.setenv("VITRINE_DATA", str(draw_cifar10(tmp_path, 20)))
    test = opened("alike")
    assert "Of the 5 training pictures" in texts(test)
    assert "100 pictures of cifar10 were compared" in texts(test)
    assert len(list(own_home.rglob("keras-*.npy"))) == 1
    monkeypatch.setattr(explanation_cache, "make_index", lambda *_: pytest.fail("the features are kept"))
    assert "Of the 5 training pictures" in texts(opened("alike"))


def test_classes_with_other_capitals_are_the_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label, sample in (("Frog", TESTED), ("Ship", "ship-yacht.png")):
        (tmp_path / "mine" / label).mkdir(parents=True)
        for number in range(5):
            shutil.copy(SAMPLES / sample, tmp_path / "mine" / label / f"{number}.png")
    monkeypatch.setenv("VITRINE_DATA", str(tmp_path / "mine"))
    assert "Of the 5 pictures of mine that the network finds most similar, 5 show “frog”" in texts(opened("alike"))


def test_training_pictures_that_do_not_read_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = draw_folder(tmp_path / "mine", 1)
    (folder / "circle" / "000.png").rename(folder / "circle" / "bad.png")
    (folder / "circle" / "bad.png").write_bytes(b"no picture")
    monkeypatch.setenv("VITRINE_DATA", str(folder))
    error = opened("alike").error[0].value.replace("\\", "")
    assert "The training pictures cannot be compared" in error and "circle/bad.png (This file is not an image" in error


def test_what_goes_wrong_in_the_background_is_said_in_the_language_of_who_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise NoMapError(translations.gettext("Undo"))

    monkeypatch.setattr(explanation_cache, "_features", fail)
    classifier = Classifier.load(DEFAULT)
    found = []
    for name in translations.LANGUAGES:
        with translations.use_language(name):
            job = explanation_cache.make_index(classifier, tmp_path)
            assert job.ended.wait(60)
            assert job.error == translations.gettext("Undo")
            found.append(job.error)
    assert len(set(found)) == len(translations.LANGUAGES)


def test_a_tflite_network_has_maps_and_steadiness(own_home: Path) -> None:
    folder = own_home / "bundles" / "mine"
    folder.mkdir(parents=True)
    for name in (INT8_FILE, KNOWN_FILE):
        shutil.copy(FAST / name, folder)
    write_card(folder, read_card(FAST))
    test = opened(model="mine")
    assert test.radio(key="why-method-answer").options == ["Occlusion, by covering parts"]
    assert "evidence for “frog”" in texts(test)
    assert "small changes" in texts(opened("steady", model="mine"))
    assert "Only Keras networks" in opened("alike", model="mine").info[0].value
