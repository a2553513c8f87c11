"""Answers kept in the history and judged, from the pages."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.presenters import history_table
from model.history import prediction_log
from model.inference.prediction import Prediction
from model.registry.card import KnownRule, read_card, write_card
from model.registry.resolution import DEFAULT, find_bundle
from tests.dashboard.page_visit import SAMPLES, texts, visit, visit_page
from tests.drawn import encode, picture
from tests.kept_answers import judge

HORSE = (SAMPLES / "horse-zaniskari.jpg").read_bytes()
PREDICTION = Prediction.from_probabilities([0.1, 0.7, 0.2], ("cat", "dog", "bird"), "mine", 2.5)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    for name in ("VITRINE_DATABASE", "VITRINE_SHARE", "VITRINE_HISTORY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def upload(test: AppTest, name: str = "horse.jpg", content: bytes = HORSE) -> AppTest:
    test.file_uploader[0].upload(name, content).run()
    assert not test.exception
    return test


def by_prefix(elements: Sequence[Any], prefix: str) -> Any:
    (found,) = [element for element in elements if (element.key or "").startswith(prefix)]
    return found


def test_nothing_is_kept_unless_somebody_wants_it(own_home: Path) -> None:
    test = upload(visit())
    assert "Was this right?" in texts(test)
    assert not own_home.exists()


def test_a_verdict_keeps_the_answer_it_is_about_and_no_other() -> None:
    test = upload(visit())
    by_prefix(test.selectbox, "truth-").set_value("deer").run()
    assert not test.exception
    (kept,) = prediction_log.list_answers()
    assert (kept.label, kept.truth) == ("horse", "deer")
    assert "Thank you, noted." in texts(test)
    assert by_prefix(test.selectbox, "truth-").value == "deer"
    by_prefix(test.button, "right-").click().run()
    (kept,) = prediction_log.list_answers()
    assert kept.right is True
    upload(test, "other.png", encode(picture(0), "PNG"))
    assert len(prediction_log.list_answers()) == 1


def unknown_to(own_home: Path, name: str = "mine") -> None:
    """Add a network that finds every picture probably of none of its classes."""
    folder = own_home / "bundles" / name
    shutil.copytree(find_bundle("fast"), folder)
    write_card(folder, replace(read_card(folder), name=name, known=KnownRule("probability", 2.0, 1.5)))


def test_none_of_the_classes_is_no_answer_that_could_be_called_right(own_home: Path) -> None:
    unknown_to(own_home)
    test = upload(visit(model="mine"))
    assert "Probably none" in test.subheader[0].value
    assert "Is it one of the classes after all?" in texts(test)
    assert not [button for button in test.button if (button.key or "").startswith("right-")]
    box = by_prefix(test.selectbox, "truth-")
    assert len(box.options) == 10 and box.value is None
    box.set_value("horse").run()  # which it looks most like
    (kept,) = prediction_log.list_answers()
    assert (kept.verdict, kept.truth) == ("unknown", "horse")
    assert by_prefix(test.selectbox, "truth-").value == "horse"
    assert history_table.answer_table([kept])["answer"].tolist() == ["none? like horse"]
    history = choose_row(visit_page("history"), 0)
    assert "none? like horse · horse" in texts(history)
    assert not [button for button in history.button if (button.key or "").startswith("right-")]
    assert by_prefix(history.selectbox, "truth-").value == "horse"


def test_the_box_shows_what_was_said_last_and_of_this_network() -> None:
    test = upload(visit(model="fast"))
    by_prefix(test.selectbox, "truth-").set_value("cat").run()
    by_prefix(test.button, "right-").click().run()
    assert by_prefix(test.selectbox, "truth-").value is None
    by_prefix(test.selectbox, "truth-").set_value("cat").run()
    assert prediction_log.list_answers()[0].truth == "cat"
    test.selectbox(key="model").select("small").run()  # it sees the same pixels
    assert not test.exception
    assert by_prefix(test.selectbox, "truth-").value is None


def test_a_sample_whose_class_is_known_is_not_asked_about() -> None:
    test = visit(sample="frog-brown.png")
    assert "it is a frog" in texts(test)
    assert "Was this right?" not in texts(test)


def test_the_switch_keeps_each_answer_once() -> None:
    test = visit()
    test.toggle(key="keep").set_value(True).run()
    upload(test)
    test.run()
    (kept,) = prediction_log.list_answers()
    assert (kept.label, kept.model) == ("horse", DEFAULT)
    assert kept.thumbnail.startswith(b"\xff\xd8")
    assert kept.model_sha256
    test.toggle(key="keep").set_value(False).run()
    upload(test, "other.png", encode(picture(0), "PNG"))
    assert len(prediction_log.list_answers()) == 1


def test_the_setting_keeps_answers_and_the_switch_lasts_from_page_to_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HISTORY", "1")
    test = upload(visit())
    assert len(prediction_log.list_answers()) == 1
    test.toggle(key="keep").set_value(False).run()
    test.switch_page("views/gallery.py").run()
    assert test.toggle(key="keep").value is False


def test_a_verdict_is_one_click_or_the_right_class() -> None:
    test = visit()
    test.toggle(key="keep").set_value(True).run()
    upload(test)
    by_prefix(test.button, "right-").click().run()
    assert prediction_log.list_answers()[0].right is True
    by_prefix(test.selectbox, "truth-").set_value("dog").run()
    assert (prediction_log.list_answers()[0].right, prediction_log.list_answers()[0].truth) == (False, "dog")
    assert "Thank you, noted." in texts(test)


def test_a_verdict_after_all_was_forgotten_elsewhere_keeps_its_answer_again() -> None:
    test = visit()
    test.toggle(key="keep").set_value(True).run()
    upload(test)
    by_prefix(test.button, "right-").click().run()
    prediction_log.delete_all_answers()
    prediction_log.save_answer(b"of another tab", PREDICTION, "", b"\xff\xd8small")
    by_prefix(test.selectbox, "truth-").set_value("deer").run()
    assert not test.exception
    assert not test.error
    mine, others = prediction_log.list_answers()
    assert (mine.label, mine.truth) == ("horse", "deer")
    assert (others.label, others.truth) == ("dog", None)


def test_what_was_said_of_a_forgotten_answer_is_not_said_of_the_next() -> None:
    test = visit()
    test.toggle(key="keep").set_value(True).run()
    upload(test)
    by_prefix(test.button, "right-").click().run()
    assert "Thank you, noted." in texts(test)
    prediction_log.delete_all_answers()
    upload(test, "other.png", encode(picture(0), "PNG"))
    assert len(prediction_log.list_answers()) == 1
    assert "Thank you, noted." not in texts(test)


def test_a_store_that_cannot_be_written_does_not_cost_the_answer(own_home: Path) -> None:
    test = visit()
    test.toggle(key="keep").set_value(True).run()
    own_home.mkdir()
    (own_home / "vitrine.sqlite").mkdir()
    upload(test)
    assert test.subheader[0].value == "Horse"
    assert "Answers are no longer kept" in test.warning[0].value
    assert test.run().toggle(key="keep").value is False


def test_the_history_page_says_how_to_begin() -> None:
    test = visit_page("history")
    assert not test.exception
    assert "No answers are kept yet" in texts(test)


def test_the_history_page_shows_filters_and_forgets() -> None:
    first, _ = (prediction_log.save_answer(content, PREDICTION, "", b"\xff\xd8small") for content in (b"a", b"b"))
    judge(first, "cat")
    test = visit_page("history")
    assert not test.exception
    assert "**mine** 2 answers · right: 0 of 1 judged" in texts(test)
    assert list(test.dataframe[0].value["verdict"]) == ["–", "it is cat"]
    test.segmented_control(key="history-filter").set_value("Wrong").run()
    assert list(test.dataframe[0].value["answer"]) == ["dog"]
    judge(first, "dog")
    test.run()
    assert "None of them." in texts(test)
    test.button(key="forget").click().run()
    assert prediction_log.list_answers() == []
    assert "No answers are kept yet" in texts(test)


def test_older_answers_than_the_table_shows_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"a", b"b", b"c"):
        number = prediction_log.save_answer(content, PREDICTION, "", b"\xff\xd8small")
        if content in b"ab":
            judge(number, "cat" if content == b"a" else "dog")
    whole = prediction_log.list_answers
    monkeypatch.setattr(prediction_log, "list_answers", lambda limit=None, *filters: whole(limit and 1, *filters))
    test = visit_page("history")
    assert not test.exception
    assert len(test.dataframe[0].value) == 1
    assert "The newest 1 of 3" in texts(test)
    assert "**mine** 3 answers · right: 1 of 2 judged" in texts(test)
    assert not test.get("download_button")[1].proto.disabled
    test.segmented_control(key="history-filter").set_value("Wrong").run()
    assert list(test.dataframe[0].value["verdict"]) == ["it is cat"]
    assert "The newest" not in texts(test)


def test_judged_pictures_can_be_had_once_two_classes_were_named() -> None:
    first, second = (prediction_log.save_answer(content, PREDICTION, "", b"\xff\xd8small") for content in (b"a", b"b"))
    judge(first, "cat")
    test = visit_page("history")
    assert test.get("download_button")[1].proto.disabled
    judge(second, "dog")
    test.run()
    assert not test.get("download_button")[1].proto.disabled


def test_an_answer_in_the_history_is_judged_again_where_it_stands() -> None:
    number = prediction_log.save_answer(HORSE, PREDICTION, "")
    judge(number, "cat")
    test = visit_page("history")
    choose_row(test, 0)
    assert not test.exception
    assert by_prefix(test.selectbox, "truth-").value == "cat"
    by_prefix(test.button, "right-").click().run()
    assert prediction_log.list_answers()[0].right is True


def choose_row(test: AppTest, row: int) -> AppTest:
    key = history_table.table_key(prediction_log.list_answers())
    test.session_state[key] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    return test.run()


def test_the_chosen_answer_stays_when_others_come_and_goes_when_it_leaves() -> None:
    first, second = (prediction_log.save_answer(content, PREDICTION, "", HORSE) for content in (b"a", b"b"))
    test = choose_row(visit_page("history"), 1)
    assert by_prefix(test.button, "right-").key == f"right-{first}"
    prediction_log.save_answer(b"c", PREDICTION, "", HORSE)
    test.run()
    assert by_prefix(test.button, "right-").key == f"right-{first}"
    test.segmented_control(key="history-filter").set_value("Not judged").run()
    assert by_prefix(test.button, "right-").key == f"right-{first}"
    by_prefix(test.button, "right-").click().run()
    assert not [button.key for button in test.button if str(button.key).startswith("right-")]  # not the next one's
    assert [answer.truth for answer in prediction_log.list_answers() if answer.id == second] == [None]


def test_a_shared_page_does_not_show_what_others_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    prediction_log.save_answer(b"a", PREDICTION, "", b"small")
    monkeypatch.setenv("VITRINE_SHARE", "1")
    test = visit_page("history")
    assert not test.dataframe
    assert "not shown" in test.info[0].value
