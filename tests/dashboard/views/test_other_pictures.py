"""The part of the page Evaluation on pictures that are none of a network's classes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from model.datasets.test_set import read_test_set
from model.evaluation.test_set_predictions import known_file, predictions_file, save_predictions
from model.registry.card import KnownRule, read_card, write_card
from tests.dashboard.page_visit import texts, visit_page
from tests.drawn import draw_folder, encode, picture, save_untrained

RULE = KnownRule("probability", 0.6, 0.4)


@pytest.fixture(autouse=True)
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network `mine` that can tell, and a test set whose answers are kept."""
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "bundles" / "mine"
    save_untrained(folder, size=16)
    write_card(folder, replace(read_card(folder), known=RULE))
    monkeypatch.setenv("VITRINE_DATA", str(draw_folder(tmp_path / "shapes", 10, size=16)))
    return folder


def answered(folder: Path, data: Path, known: float | None) -> AppTest:
    """The page with kept answers of the network."""
    card, pictures = read_card(folder), read_test_set("shapes", data, 16)
    path = predictions_file(card, "keras", pictures.key)
    save_predictions(path, np.full((30, 3), 1 / 3, np.float32))
    if known is not None:
        save_predictions(known_file(path, RULE), np.full(30, known, np.float32))
    return visit_page("evaluation").selectbox(key="model").select("mine").run()


def others(folder: Path) -> Path:
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(encode(picture(number), "PNG"))
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


@pytest.mark.parametrize(("known", "auroc"), [(1.0, "1.000"), (0.0, "0.000")])
def test_a_folder_of_other_pictures_is_told_from_the_test_set(
    network: Path, tmp_path: Path, known: float, auroc: str
) -> None:
    test = answered(network, tmp_path / "shapes", known)
    assert not test.exception
    test.text_input(key="others").set_value(str(others(tmp_path / "others"))).run()
    assert not test.exception
    figures = {metric.label: metric.value for metric in test.metric}
    assert (figures["AUROC"], figures["other pictures"]) == (auroc, "5")
    assert figures["others that pass"] == ("0.0%" if known else "100.0%")
    shown = texts(test)
    assert "1 file could not be read." in shown and "By how known each picture is." in shown
    assert sum(button.key.startswith("tile-others-") for button in test.button if button.key) == 5
    test.button(key="tile-others-1").click().run()
    assert not test.exception and "Other pictures that seem most like the classes" in texts(test)
    (box,) = [box for box in test.selectbox if (box.key or "").startswith("truth-")]
    box.set_value(box.options[0]).run()
    assert not test.exception and "Thank you, noted." in texts(test)


def test_without_kept_scores_the_largest_probability_tells(network: Path, tmp_path: Path) -> None:
    test = answered(network, tmp_path / "shapes", None)
    test.file_uploader(key="others-dropped").upload("a.png", encode(picture(1), "PNG")).run()
    assert not test.exception
    assert "By the largest probability" in texts(test)
    assert {metric.label: metric.value for metric in test.metric}["AUROC"] == "0.000"


def test_what_is_no_folder_is_a_sentence_and_a_visitor_has_no_such_field(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = answered(network, tmp_path / "shapes", 1.0)
    test.text_input(key="others").set_value(str(tmp_path / "nowhere")).run()
    assert "nowhere is not a folder on this machine" in test.error[0].value.replace("\\", "")
    monkeypatch.setattr("dashboard.access.roles.is_owner", lambda: False)
    test = answered(network, tmp_path / "shapes", 1.0)
    assert not test.exception
    assert not any(field.key == "others" for field in test.text_input)


def test_the_gallery_shows_which_pictures_are_probably_none_of_the_classes(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, pictures = read_card(network), read_test_set("shapes", tmp_path / "shapes", 16)
    path = predictions_file(card, "keras", pictures.key)
    save_predictions(path, np.full((30, 3), 1 / 3, np.float32))
    save_predictions(known_file(path, RULE), np.array([0.2] * 4 + [0.3] * 26, np.float32))  # 0.25 is the limit
    test = visit_page("gallery", set="shapes").selectbox(key="model").select("mine").run()
    assert not test.exception and "**30 pictures**" in texts(test)
    test.query_params["verdict"] = "unknown"
    test.run()
    assert not test.exception
    assert "**4 pictures** of 30" in texts(test)
    known_file(path, RULE).unlink()  # kept before the network could tell
    monkeypatch.setattr("dashboard.panels.test_set_picker.start_predictions", lambda *_: None)
    test.run()
    assert not test.exception
    assert "of 30" not in texts(test)
    assert any((button.key or "").startswith("ask-mine") for button in test.button)
    test.query_params["verdict"] = "right"
    write_card(network, replace(card, known=None))
    test.run()
    assert "None of these" not in test.segmented_control(key="choose-verdict").options
