"""Without a part that is installed on demand, the others work, and a sentence says how to install it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from model.common import extras
from model.common.errors import UnknownModel
from model.common.extras import NotInstalled, is_installed, require
from model.common.keras_import import import_keras
from model.i18n import translations
from model.inference import classifier
from model.inference.classifier import Classifier, engines_of
from model.inference.pool import choose
from model.registry.card import INT8_FILE, read_card, write_card
from tests.shipped import FAST, FAST_CARD

SENTENCE = "Keras is not installed; pip install keras tensorflow h5py installs it"


@pytest.fixture
def without_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_there(extra: str) -> bool:
        return extra != "keras"

    monkeypatch.setattr(extras, "is_installed", is_there)
    monkeypatch.setattr(classifier, "is_installed", is_there)


def test_every_part_is_installed_where_the_tests_run() -> None:
    for extra in extras.EXTRAS:
        require(extra)


def test_a_part_is_missing_when_one_of_its_packages_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: name != "h5py")
    is_installed.cache_clear()
    try:
        assert [is_installed(extra) for extra in ("keras", "page")] == [False, True]
    finally:
        is_installed.cache_clear()


@pytest.mark.usefixtures("without_keras")
def test_int8_answers_without_keras_unless_keras_is_asked_for() -> None:
    assert engines_of(FAST_CARD) == ["int8"]
    assert choose("fast").engine == "int8"
    assert Classifier.load("fast").engine == "int8"
    with pytest.raises(NotInstalled, match=SENTENCE):
        choose("fast", "keras")
    with pytest.raises(NotInstalled, match=SENTENCE):
        Classifier.load("fast", "keras")
    with pytest.raises(UnknownModel):
        choose("fats", "keras")


@pytest.mark.usefixtures("without_keras")
def test_a_network_for_keras_alone_says_what_it_needs(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FAST, tmp_path / "mine"))
    (folder / INT8_FILE).unlink()
    write_card(folder, dataclasses.replace(read_card(folder), files={}))
    with pytest.raises(NotInstalled, match=SENTENCE):
        choose(str(folder), paths=True)
    with pytest.raises(NotInstalled, match=SENTENCE):
        Classifier.load(folder)


@pytest.mark.usefixtures("without_keras")
def test_keras_is_not_imported_where_a_part_of_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "model.common.keras_import._imported", type("Never", (), {"is_set": staticmethod(lambda: False)})
    )
    with pytest.raises(NotInstalled, match=SENTENCE):
        import_keras()


@pytest.mark.usefixtures("without_keras")
def test_the_sentence_is_translated() -> None:
    with translations.use_language("pt"), pytest.raises(NotInstalled, match="não está instalado"):
        require("keras")
