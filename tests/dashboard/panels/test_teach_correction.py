"""Right classes that people name for a taught network's answers go back into its project."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.access.visitors import REMOTE, Visitor
from dashboard.panels import teach_correction
from dashboard.presenters import history_table
from model.history import prediction_log
from model.registry.card import read_card, write_card
from tests.dashboard.page_visit import SAMPLES, Become, texts, visit, visit_page
from tests.shipped import FAST
from training.projects import shelf
from training.projects.project import Project


def by_prefix(elements: Sequence[Any], prefix: str) -> Any:
    """The first one whose key begins so."""
    return next(element for element in elements if (element.key or "").startswith(prefix))


HORSE = (SAMPLES / "horse-zaniskari.jpg").read_bytes()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    for name in ("VITRINE_DATABASE", "VITRINE_SHARE", "VITRINE_HISTORY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def farm(own_home: Path) -> Project:
    """A project with a network of its name that was taught from it."""
    folder = own_home / "bundles" / "farm"
    shutil.copytree(FAST, folder)
    write_card(folder, replace(read_card(folder), name="farm", recipe="teach", dataset="farm"))
    return shelf.create_project("farm")


def asked(model: str = "farm") -> AppTest:
    test = visit(model=model)
    return test.file_uploader[0].upload("horse.jpg", HORSE).run()


def name_class(test: AppTest, name: str) -> AppTest:
    by_prefix(test.text_input, "teach-class-").set_value(name)
    (button,) = [button for button in test.button if (button.key or "").endswith("-do")]
    button.click().run()
    assert not test.exception
    return test


def judged(truth: str, model: str = "farm") -> str:
    test = asked(model)
    (box,) = [box for box in test.selectbox if (box.key or "").startswith("truth-")]
    box.set_value(truth).run()
    assert not test.exception
    return texts(test)


def test_the_right_class_of_a_wrong_answer_goes_into_the_project(farm: Project) -> None:
    judged("deer")
    (picture,) = farm.pictures()
    assert (picture.label, picture.name, farm.content(picture.sha256)) == ("deer", "horse.jpg", HORSE)
    judged("frog")
    assert [one.label for one in farm.pictures()] == ["frog"]


def test_yes_after_a_wrong_choice_takes_the_picture_out_of_that_class(farm: Project) -> None:
    test = asked()
    (box,) = [box for box in test.selectbox if (box.key or "").startswith("truth-")]
    box.set_value("deer").run()
    assert [one.label for one in farm.pictures()] == ["deer"]
    by_prefix(test.button, "right-").click().run()
    assert not test.exception
    assert [one.label for one in farm.pictures()] == ["horse"]


def test_a_new_class_is_named_for_a_picture_and_taken_back(farm: Project) -> None:
    farm.add_class("pony")
    test = name_class(asked(), " mule ")
    assert [one.label for one in farm.pictures()] == ["mule"]
    assert "in the project farm now, as mule" in test.get("page_link")[-1].label
    by_prefix(test.button, "teach-undo-").click().run()
    assert farm.pictures() == [] and [entry.name for entry in farm.classes()] == ["pony"]
    by_prefix(test.button, "teach-class-").click().run()
    assert [one.label for one in farm.pictures()] == ["pony"]


def test_a_name_that_no_class_can_have_is_a_sentence(farm: Project) -> None:
    test = name_class(asked(), "a/b")
    assert "cannot be a class" in texts(test)
    assert farm.pictures() == [] and farm.classes() == []


def test_what_has_changed_since_is_not_undone_from_here(farm: Project) -> None:
    test = name_class(asked(), "mule")
    farm.add_class("pony")
    test.run()
    assert not [button for button in test.button if (button.key or "").startswith("teach-undo-")]


def test_an_answer_of_the_history_gets_a_new_class(farm: Project) -> None:
    judged("deer")
    farm.undo()
    test = visit_page("history")
    (kept,) = prediction_log.list_answers()
    chosen = {"selection": {"rows": [0], "columns": [], "cells": []}}
    test.session_state[history_table.table_key([kept])] = chosen
    name_class(test.run(), "mule")
    assert [one.label for one in farm.pictures()] == ["mule"]


def test_other_networks_have_no_project(farm: Project) -> None:
    judged("deer", "fast")
    assert farm.pictures() == []


def test_a_visitor_changes_no_project(farm: Project, become: Become) -> None:
    become(Visitor(REMOTE))
    judged("deer")
    assert farm.pictures() == []


def test_an_answer_of_the_history_moves_the_picture_that_the_project_has(farm: Project) -> None:
    judged("deer")
    (kept,) = prediction_log.list_answers()
    teach_correction.put_answer_right(kept, "cat")
    (picture,) = farm.pictures()
    assert (picture.label, farm.content(picture.sha256)) == ("cat", HORSE)


@pytest.mark.parametrize("wrong", [{"horse": "frog", "frog": "horse"}, {"horse": "mule"}])
def test_a_picture_of_a_test_set_can_be_put_into_the_project(
    farm: Project, own_home: Path, wrong: dict[str, str]
) -> None:
    renamed = own_home / "bundles" / "farm"
    card = read_card(renamed)
    classes = tuple(wrong.get(label, label) for label in card.classes)
    write_card(renamed, replace(card, classes=classes))  # so that it errs on this one, or does not know its class
    test = visit(model="farm", sample="horse-zaniskari.jpg")
    by_prefix(test.button, "teach-put-right-").click().run()
    assert not test.exception
    assert [one.label for one in farm.pictures()] == ["horse"]
    assert not [button for button in test.button if (button.key or "").startswith("teach-put-right-")]
