"""The Models page's states, without a browser."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.servers import ROOT
from model.intake.add_model import MAX_BYTES, ModelOptions, add_file
from model.registry import resolution, store
from model.registry.card import KERAS_FILE, read_card
from model.registry.resolution import DEFAULT, find_bundle
from tests.dashboard.page_visit import SAMPLES, dialog, texts, visit, visit_page
from tests.foreign import layer, sequential, write_keras
from tests.shipped import FAST, FAST_CARD, FAST_INT8, NAMES

LETTERS = "a,b,c,d,e,f,g,h,i,j"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    monkeypatch.delenv("VITRINE_SHARE", raising=False)
    return tmp_path / "home"


def put(name: str, content: bytes = b"") -> None:
    """A stored network that answers like the shipped one, told apart by bytes after its end."""
    store.save_model(FAST_INT8.read_bytes() + content, ".tflite", name, FAST_CARD)


def keys(test: AppTest) -> set[str]:
    return {button.key for button in test.button if button.key}


def opened(name: str) -> AppTest:
    return visit_page("models", name=name)


def test_every_network_has_a_card_with_its_figures() -> None:
    put("mine")
    test = visit_page("models")
    assert not test.exception
    shown = texts(test)
    assert f"**{len(NAMES) + 1} networks**" in shown
    for words in (
        "right on CIFAR-10, all 10,000 test pictures",
        "8.0 MB",
        "10 classes: airplane",
        "ships with Vitrine",
    ):
        assert words in shown.replace("\\-", "-")  # as Markdown is read
    assert FAST_CARD.sha256[:12] in shown
    assert "added by you" in shown
    measured = [read_card(find_bundle(name)) for name in NAMES] + [FAST_CARD]
    shares = [card.accuracy["cifar10 test, all 10,000"]["keras"] if card.accuracy else None for card in measured]
    assert [metric.value for metric in test.metric] == ["–" if share is None else f"{share:.1%}" for share in shares]
    assert {"open-fast", "open-mine", "add"} <= keys(test)
    assert not any(key.startswith("remove-") for key in keys(test))


def test_one_that_is_opened_shows_card_classes_and_layers() -> None:
    test = visit_page("models")
    test.button(key="open-fast").click().run()
    assert test.query_params["name"] == "fast"
    card, classes, layers = (frame.value for frame in test.dataframe)
    assert dict(zip(card["card"], card[""], strict=True))["parameters"] == "2.0 million"
    assert list(classes["class"])[:2] == ["airplane", "automobile"]
    assert layers["parameters"].sum() == FAST_CARD.parameters
    assert "ms a picture" in texts(test)
    assert "remove-fast" not in keys(test)  # it ships: there is nothing to delete


def test_a_stored_one_gets_a_name_becomes_the_default_goes_and_comes_back() -> None:
    put("mine")
    test = opened("mine")
    test.button(key="default-mine").click().run()
    assert test.button(key="default-mine").disabled
    assert visit().selectbox(key="model").value == "mine"
    test.text_input(key="rename-mine").set_value("yours").run()
    test.button(key="rename-do-mine").click().run()
    assert test.query_params["name"] == "yours"
    assert "open-yours" in keys(test)
    assert "open-mine" not in keys(test)
    test.button(key="remove-yours").click().run()
    assert "open-yours" not in keys(test)
    assert "Removed yours." in texts(test).replace("\\", "")
    test.button(key="undo").click().run()
    assert "open-yours" in keys(test)
    assert "undo" not in keys(test)
    assert not test.exception


def test_a_guess_stands_on_the_page_until_somebody_confirms_or_changes_it() -> None:
    guessed = replace(FAST_CARD, scaling="none", scaling_from="guessed", scaling_why="nothing says")
    store.save_model(FAST_INT8.read_bytes(), ".tflite", "mine", guessed)
    assert "pixels guessed" in texts(visit_page("models"))
    test = opened("mine")
    assert "is a guess: 0 to 255, as they are (nothing says)" in test.warning[0].value
    assert test.button(key="confirm-mine").label == "Confirm"
    test.button(key="confirm-mine").click().run()
    assert not test.exception
    assert not test.warning
    assert "pixels guessed" not in texts(test)
    card = dict(zip(test.dataframe[0].value["card"], test.dataframe[0].value[""], strict=True))
    assert card["pixels known by"] == "confirmed: as you said"
    test.selectbox(key="scaling-mine-none").set_value("unit").run()
    assert test.button(key="confirm-mine").label == "Change"
    test.button(key="confirm-mine").click().run()
    assert not test.exception
    assert test.success[0].value.replace("\\", "") == "From now on mine gets pixels as 0 to 1."
    assert read_card(find_bundle("mine")).scaling == "unit"


def test_a_visitor_sees_a_guess_and_cannot_settle_it(monkeypatch: pytest.MonkeyPatch) -> None:
    guessed = replace(FAST_CARD, scaling_from="guessed", scaling_why="nothing says")
    store.save_model(FAST_INT8.read_bytes(), ".tflite", "mine", guessed)
    monkeypatch.setenv("VITRINE_SHARE", "1")
    test = opened("mine")
    assert "is a guess" in test.warning[0].value
    assert "confirm-mine" not in keys(test)


def test_a_rename_that_does_not_work_is_a_sentence() -> None:
    put("mine")
    for wrong, words in (("fast", "outside the store"), ("a b", "cannot be a name"), ("", "cannot be a name")):
        test = opened("mine")
        test.text_input(key="rename-mine").set_value(wrong).run()
        test.button(key="rename-do-mine").click().run()
        assert not test.exception
        assert words in test.error[0].value.replace("\\", "")
        assert "open-mine" in keys(test)


def test_versions_stand_side_by_side_and_go_together() -> None:
    put("mine", b"one")
    put("mine", b"two")
    test = opened("mine@1")
    assert {"open-mine", "open-mine@1", "remove-mine@1"} <= keys(test)
    assert "rename-do-mine@1" not in keys(test)
    test = opened("mine")
    test.button(key="remove-mine").click().run()
    assert "Removed mine and its earlier version" in texts(test).replace("\\", "")
    assert not {"open-mine", "open-mine@1"} & keys(test)


def test_names_that_differ_by_a_sign_do_not_clash() -> None:
    put("a.b", b"one")
    put("a_b", b"two")
    put("a-b", b"three")
    assert not visit_page("models").exception


def test_the_button_opens_the_dialog() -> None:
    test = visit_page("models")
    assert "network-add" not in keys(test)
    test.button(key="add").click().run()
    assert test.button(key="network-add").disabled  # there is no file yet


def test_a_file_can_be_uploaded() -> None:
    test = dialog()
    test.file_uploader(key="network-file").upload("my net.tflite", FAST_INT8.read_bytes())
    test.text_input(key="network-classes").set_value(LETTERS).run()
    test.button(key="network-add").click().run()
    assert not test.exception
    (model,) = store.list_models()
    assert (model.name, model.card.classes[2]) == ("my-net", "c")
    assert test.session_state["model_news"].startswith("Added my-net: 10 classes, 32 x 32 pixels, taken as 0 to 255")
    assert test.query_params["name"] == "my-net"


def test_a_size_can_be_said_as_height_and_width() -> None:
    test = dialog()
    test.file_uploader(key="network-file").upload("net.tflite", FAST_INT8.read_bytes())
    test.text_input(key="network-size").set_value("24x48").run()
    test.button(key="network-add").click().run()
    assert "it takes pictures of 32 x 32 pixels, not of 24 x 48" in test.error[0].value.replace("\\", "")
    test.text_input(key="network-size").set_value("large").run()
    test.button(key="network-add").click().run()
    assert "'large' is not a size in pixels; write 64, or 24x48" in test.error[0].value.replace("\\", "")


def test_classes_can_be_named_by_a_file() -> None:
    test = dialog()
    test.file_uploader(key="network-file").upload("net.tflite", FAST_INT8.read_bytes())
    test.run()
    lines = [f"{place} {'crane' if place > 7 else chr(97 + place)}" for place in range(10)]
    test.file_uploader(key="network-labels").upload("labels.txt", "\r\n".join(lines).encode())
    test.run()
    test.button(key="network-add").click().run()
    assert not test.exception
    (model,) = store.list_models()
    assert model.card.classes == ("a", "b", "c", "d", "e", "f", "g", "h", "crane", "crane 2")
    assert "Several classes are called crane; they are told apart by a number" in test.session_state["model_news"]


@pytest.mark.parametrize(
    ("name", "layers", "classes", "words"),
    [
        ("../../a b.keras", [layer("Lambda")], "", "a-b.keras is not stored: it has a Lambda layer, which holds code"),
        ("a.keras", [], "cat,dog", "there are 2 names (cat, dog) for a network with 3 classes"),
        ("a.h5", [], "", "its content is that of a .keras file"),
        ("a.keras", [], "/etc/names.json", "'/etc/names.json' is no file that is here, and a path is no class"),
        ("a.keras", [], "/etc/hostname", "'/etc/hostname' is no file that is here"),
    ],
)
def test_a_file_that_is_refused_is_a_sentence_in_the_dialog(
    tmp_path: Path, name: str, layers: list[Any], classes: str, words: str
) -> None:
    test = dialog()
    content = write_keras(tmp_path / "a.keras", sequential(*layers)).read_bytes()
    test.file_uploader(key="network-file").upload(name, content)
    test.text_input(key="network-classes").set_value(classes).run()
    test.button(key="network-add").click().run()
    assert not test.exception
    assert words in test.error[0].value.replace("\\", "")
    assert store.list_models() == []


def test_downloads_are_offered_or_made() -> None:
    put("mine")
    test = opened("fast")
    labels = {entry.label for entry in test.get("download_button")}
    assert labels == {".keras", "int8 .tflite"}
    assert "make-.h5-fast" in keys(test)
    test = opened("mine")
    assert [entry.label for entry in test.get("download_button")] == [".tflite"]
    assert not any(key.startswith("make-") for key in keys(test))


def test_a_file_is_made_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.services.resources.convert", lambda folder, card, suffix, images: b"made")
    test = opened("fast")
    test.button(key="make-.h5-fast").click().run()
    assert not test.exception
    assert ".h5" in {entry.label for entry in test.get("download_button")}


def test_a_damaged_network_is_a_sentence_and_can_be_removed(own_home: Path) -> None:
    card = FAST_CARD
    store.save_model(b"no network at all", ".keras", "broken", card)
    test = opened("broken")
    assert not test.exception
    assert "The network cannot be used" in test.error[0].value
    test.button(key="remove-broken").click().run()
    assert "open-broken" not in keys(test)


def test_a_damaged_store_is_a_sentence(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "vitrine.sqlite").write_bytes(b"This is not a database. " * 100)
    test = AppTest.from_file(str(ROOT / "dashboard" / "views" / "models.py"), default_timeout=300).run()
    assert not test.exception
    assert "The networks cannot be listed" in test.error[0].value


def test_a_shared_page_shows_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine")
    monkeypatch.setenv("VITRINE_SHARE", "1")
    test = opened("mine")
    assert keys(test) == {"open-mine", *(f"open-{name}" for name in NAMES)}


def test_an_added_network_answers_on_the_classify_page() -> None:
    add_file(FAST / KERAS_FILE, ModelOptions("copy", LETTERS))
    test = visit(model="copy", sample="frog-brown.png")
    assert not test.exception
    assert test.subheader[0].value == "G"  # the seventh class, as it is called here


def test_a_switch_takes_effect_in_a_page_that_is_open() -> None:
    put("mine")
    test = visit()
    assert test.selectbox(key="model").value == DEFAULT
    resolution.set_default("mine")
    test.run()
    assert test.selectbox(key="model").value == "mine"
    test.selectbox(key="model").set_value(DEFAULT).run()
    resolution.set_default(DEFAULT)
    resolution.set_default("mine")
    test.run()
    assert test.selectbox(key="model").value == DEFAULT  # the visitor's own choice stays
    test.selectbox(key="model").set_value("mine").run()
    store.remove_models("mine")
    test.run()
    assert not test.exception
    put("other", b"other")
    test.run()
    assert test.selectbox(key="model").value == DEFAULT


def test_a_choice_lasts_from_page_to_page() -> None:
    put("mine")
    test = visit()
    test.selectbox(key="model").set_value("mine").run()
    test.switch_page("views/gallery.py").run()
    assert test.selectbox(key="model").value == "mine"


def test_a_network_that_has_gone_from_the_address_is_the_default() -> None:
    put("mine")
    test = visit(model="gone", sample="frog-brown.png")
    assert not test.exception
    assert test.selectbox(key="model").value == DEFAULT
    assert test.subheader[0].value == "Frog"


def test_the_same_bytes_with_other_classes_answer_with_their_names() -> None:
    """The answers kept in memory are told apart by more than a picture and a file."""
    content = (SAMPLES / "horse-zaniskari.jpg").read_bytes()
    for classes, expected in ((LETTERS, "H"), (LETTERS.upper().replace("H", "Horse"), "Horse")):
        store.remove_models("mine", for_good=True) if store.list_models() else None
        add_file(FAST_INT8, ModelOptions("mine", classes))
        test = visit(model="mine")
        test.file_uploader[0].upload("horse.jpg", content).run()
        assert test.subheader[0].value == expected


def test_the_server_lets_in_as_much_as_the_store_takes() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert settings["server"]["maxUploadSize"] * 2**20 == MAX_BYTES
