"""Two networks on one picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.services import resources
from model.common.cache import Cache
from model.common.errors import BundleError
from tests.dashboard.page_visit import SAMPLES, texts, visit_page
from tests.drawn import save_untrained

HORSE = (SAMPLES / "horse-zaniskari.jpg").read_bytes()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_page_waits_for_a_picture() -> None:
    test = visit_page("compare", second="fast:int8")
    assert not test.exception
    assert "Both networks answer the same picture" in texts(test)


def test_a_sample_is_answered_by_both() -> None:
    test = visit_page("compare", sample="horse-zaniskari.jpg", first="fast:keras", second="fast:int8")
    assert not test.exception
    assert test.subheader[0].value == "Both say “horse”"
    assert "Both are right" in texts(test)
    assert texts(test).count(" ms a picture · ") == 2
    table = test.dataframe[0].value
    assert len(table) == 10 and not table["change"].isna().any()


def test_the_answers_stand_where_the_speeds_cannot_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object) -> None:
        raise BundleError("the file is gone")

    monkeypatch.setattr(resources, "PAIRED_SPEEDS", Cache(2**20))
    monkeypatch.setattr(resources, "measure_speeds", fail)
    test = visit_page("compare", sample="horse-zaniskari.jpg", first="fast:keras", second="fast:int8")
    assert not test.exception
    assert test.subheader[0].value == "Both say “horse”"
    assert len(test.dataframe[0].value) == 10
    assert [error.value for error in test.error] == ["the file is gone"]


def test_an_upload_by_two_networks_of_other_classes(own_home: Path) -> None:
    save_untrained(own_home / "bundles" / "shapes")
    test = visit_page("compare", first="fast:keras", second="shapes:keras")
    test.file_uploader[0].upload("horse.jpg", HORSE).run()
    assert not test.exception
    assert "They have no class in common" in texts(test)
    assert test.query_params["second"] == "shapes:keras"


def test_the_same_network_twice_is_a_sentence() -> None:
    test = visit_page("compare", first="fast:keras", second="fast:keras", sample="horse-zaniskari.jpg")
    assert "These are the same network" in test.info[0].value


def test_rubbish_in_the_address_and_in_the_file() -> None:
    test = visit_page("compare", first="../x", second="nothing:keras", sample="../../etc/passwd")
    assert not test.exception
    said = [toast.value.replace("\\", "") for toast in test.toast]
    assert said[0].startswith("First network: there is no '../x' here; showing ")
    assert said[1].startswith("Second network: there is no 'nothing:keras' here; ")
    assert not {"first", "second"} & set(test.query_params)
    test.file_uploader[0].upload("horse.jpg", b"<svg onload=alert(1)>").run()
    assert not test.exception
    assert "This file is not an image" in texts(test)


def test_a_network_that_does_not_load_is_a_sentence(own_home: Path) -> None:
    save_untrained(own_home / "bundles" / "mine")
    (own_home / "bundles" / "mine" / "model.keras").write_bytes(b"not a network")
    test = visit_page("compare", first="fast:keras", second="mine:keras", sample="horse-zaniskari.jpg")
    assert not test.exception
    assert "The network cannot be used" in texts(test)
