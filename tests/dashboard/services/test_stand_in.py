"""Until the Keras file is loaded, the int8 file answers on the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.services import stand_in
from dashboard.services.stand_in import drop_stand_in, load_stand_in, stand_in_for
from model.inference.pool import POOL, Choice, Pool
from model.registry.card import INT8_FILE, read_card, write_card
from model.registry.resolution import DEFAULT
from tests.dashboard.page_visit import SAMPLES, texts, visit
from tests.shipped import FAST


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    drop_stand_in()


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As right after a server's start."""
    monkeypatch.setattr(POOL, "kept", Pool().kept)


@pytest.mark.usefixtures("nothing_loaded")
def test_the_first_picture_is_answered_by_int8_and_the_next_by_keras() -> None:
    assert load_stand_in()
    content = (SAMPLES / "horse-zaniskari.jpg").read_bytes()
    test = visit()
    test.file_uploader[0].upload("horse.jpg", content).run()
    assert test.subheader[0].value == "Horse"
    assert f" ms · {DEFAULT} \\(int8\\)" in texts(test)
    assert not POOL.warm()
    drop_stand_in()
    test.run()
    assert test.subheader[0].value == "Horse"
    assert f" ms · {DEFAULT}" in texts(test) and "int8" not in texts(test)


@pytest.mark.usefixtures("nothing_loaded")
def test_an_explanation_waits_for_keras_and_explains_its_answer() -> None:
    assert load_stand_in()
    content = (SAMPLES / "horse-zaniskari.jpg").read_bytes()
    test = visit()
    test.file_uploader[0].upload("horse.jpg", content).run()
    assert "\\(int8\\)" in texts(test)
    test.session_state["why-answer"] = True
    test.run()
    assert f" ms · {DEFAULT}" in texts(test) and "int8" not in texts(test)
    assert "evidence for “horse”" in texts(test)


def test_only_the_default_has_a_stand_in_and_only_while_the_server_starts() -> None:
    assert stand_in_for(DEFAULT) is None
    load_stand_in()
    found = stand_in_for(DEFAULT)
    assert found is not None and found.engine == "int8"
    assert stand_in_for("small") is None
    drop_stand_in()
    assert stand_in_for(DEFAULT) is None


@pytest.fixture
def own_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a network that is the default."""
    folder = tmp_path / "fast"
    shutil.copytree(FAST, folder)
    monkeypatch.setattr(stand_in, "choose", lambda _name: Choice(folder, read_card(folder), "keras"))
    return folder


def test_a_less_accurate_int8_file_does_not_stand_in(own_default: Path) -> None:
    card = read_card(own_default)
    worse = {name: {**row, "int8": row["keras"] - 0.006} for name, row in card.accuracy.items()}
    write_card(own_default, replace(card, accuracy=worse))
    assert not load_stand_in()
    assert stand_in_for(DEFAULT) is None


def test_a_damaged_int8_file_does_not_stand_in(own_default: Path) -> None:
    (own_default / INT8_FILE).write_bytes(b"nothing")
    assert not load_stand_in()
    assert stand_in_for(DEFAULT) is None
