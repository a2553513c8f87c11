from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from model.common.errors import BundleError, StoreError
from model.registry import resolution, store
from model.registry.card import Card, FileEntry, SetRule, parse_card, read_card, write_card
from model.registry.resolution import DEFAULT, default_name, find_by_name
from tests.shipped import NAMES

CARD = Card("x", ("cat", "dog"), 32, 12, 34, "", "", "2026-01-31", scaling="unit", output="logits")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    return tmp_path / "home"


def put(name: str, content: bytes = b"bytes", suffix: str = ".tflite") -> store.StoredModel:
    return store.save_model(content, suffix, name, CARD)[0]


def train(home: Path, name: str) -> None:
    """Make a network of that name outside the store, as far as anybody sees who does not load it."""
    folder = home / "bundles" / name
    folder.mkdir(parents=True)
    write_card(folder, CARD)


def titles() -> list[str]:
    return [model.title for model in store.list_models()]


def test_looking_makes_no_file(home: Path) -> None:
    assert store.list_models() == []
    assert not home.exists()


def test_what_was_added_is_listed_with_its_card_and_sums() -> None:
    put("mine", b"\x00\xff bytes")
    (model,) = store.list_models()
    digest = hashlib.sha256(b"\x00\xff bytes").hexdigest()
    assert (model.name, model.version, model.suffix, model.bytes, model.sha256) == ("mine", 1, ".tflite", 8, digest)
    assert model.card == replace(CARD, name="mine", files={"model.tflite": FileEntry(8, digest)})


def test_the_same_bytes_are_one_model() -> None:
    first, new = store.save_model(b"bytes", ".tflite", "mine", CARD)
    again, newer = store.save_model(b"bytes", ".tflite", "other", CARD)
    assert (new, newer) == (True, False)
    assert again == first
    assert titles() == ["mine"]


def test_other_bytes_under_a_name_are_its_next_version() -> None:
    put("mine", b"one")
    put("mine", b"two")
    put("mine", b"three")
    assert titles() == ["mine", "mine@2", "mine@1"]
    assert store.load_content(store.find_model("mine").sha256) == b"three"
    assert store.load_content(store.find_model("mine@1").sha256) == b"one"
    assert store.find_model("mine@3") == store.find_model("mine")


@pytest.mark.parametrize("name", ["fast", "default"])
def test_a_name_outside_the_store_is_not_hidden(name: str) -> None:
    with pytest.raises(StoreError, match=f"'{name}' is the name of a model outside the store"):
        put(name)
    put("mine")
    with pytest.raises(StoreError, match="outside the store"):
        store.rename_model("mine", name)
    assert titles() == ["mine"]


def test_a_name_that_a_run_will_give_its_network_is_not_free(home: Path) -> None:
    put("mine")
    put("birds", b"birds")
    removed = store.remove_models("birds")
    (home / "runs" / "birds").mkdir(parents=True)
    for call in (
        lambda: put("birds", b"others"),
        lambda: store.rename_model("mine", "birds"),
        lambda: store.restore_models(removed),
    ):
        with pytest.raises(StoreError, match="there is a run 'birds', whose network would hide the model"):
            call()
    assert titles() == ["mine"]


def test_what_the_store_has_beside_a_run_still_gets_versions(home: Path) -> None:
    put("birds", b"one")
    (home / "runs" / "birds").mkdir(parents=True)
    put("birds", b"two")
    store.restore_models(store.remove_models("birds@1"))
    assert titles() == ["birds", "birds@1"]


def test_a_removed_model_does_not_come_back_behind_a_network_of_its_name(home: Path) -> None:
    put("birds")
    removed = store.remove_models("birds")
    train(home, "birds")
    with pytest.raises(StoreError, match="'birds' is the name of a model outside the store"):
        store.restore_models(removed)
    assert titles() == []


@pytest.mark.parametrize("name", ["../x", "a b", "", "mine@2", "x" * 65])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BundleError, match="cannot be a name"):
        put(name)
    assert titles() == []


def test_a_version_is_found_by_its_number_though_it_is_the_newest() -> None:
    put("mine", b"one")
    put("mine", b"two")
    assert find_by_name("mine@2") == find_by_name("mine")
    resolution.set_default("mine@1")
    store.remove_models("mine@2")
    assert default_name() == "mine"
    assert find_by_name("default") == find_by_name("mine@1")


def test_a_default_that_was_forgotten_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine")
    resolution.set_default("mine")
    store.remove_models("mine")
    wait_a_day(monkeypatch)
    put("mine", b"another network")
    assert default_name() == DEFAULT


def wait_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + store.UNDO_SECONDS + 1)


def test_a_default_that_is_one_version_is_forgotten_with_it() -> None:
    put("dogs", b"one")
    put("dogs", b"two")
    resolution.set_default("dogs@1")
    store.remove_models("dogs", for_good=True)
    put("dogs", b"another network")
    put("dogs", b"and its second version")
    assert default_name() == DEFAULT


def test_a_version_that_was_the_default_is_forgotten_though_another_stays() -> None:
    for content in (b"one", b"two", b"three"):
        put("dogs", content)
    resolution.set_default("dogs@2")
    for name in ("dogs@3", "dogs@2"):
        store.remove_models(name, for_good=True)
    put("dogs", b"another network")
    put("dogs", b"yet another")
    assert titles() == ["dogs", "dogs@2", "dogs@1"]
    assert default_name() == DEFAULT


def test_a_default_outside_the_store_outlives_a_stored_model_of_its_name(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("fish")
    store.remove_models("fish")
    train(home, "fish")
    resolution.set_default("fish")
    wait_a_day(monkeypatch)
    put("other", b"other")
    assert default_name() == "fish"


def test_a_default_outside_the_store_keeps_its_name(home: Path) -> None:
    put("fish")
    train(home, "fish")  # as another process may, meanwhile
    resolution.set_default("fish")
    store.rename_model("fish", "shark")
    assert default_name() == "fish"


def test_a_removed_default_is_not_the_one_that_gets_its_name() -> None:
    put("dogs", b"one")
    resolution.set_default("dogs")
    store.remove_models("dogs")
    put("pets", b"two")
    store.rename_model("pets", "dogs")
    assert default_name() == DEFAULT


def test_the_default_that_is_removed_and_added_again_is_the_default() -> None:
    put("mine")
    resolution.set_default("mine")
    store.remove_models("mine")
    put("other")
    put("mine", b"another network")
    assert default_name() == DEFAULT
    resolution.set_default("mine")
    store.remove_models("mine")
    put("mine", b"another network")
    assert default_name() == "mine"


def test_two_who_rename_at_once_do_not_make_one_of_two() -> None:
    names = [f"model{number}" for number in range(8)]
    for name in names:
        put(name, name.encode())

    def rename(name: str) -> bool:
        try:
            store.rename_model(name, "same")
        except StoreError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(rename, names)) == 1
    assert len(titles()) == 8
    assert titles().count("same") == 1


def test_a_guess_is_confirmed_or_changed_and_everybody_sees_it() -> None:
    guessed = replace(CARD, scaling_from="guessed", scaling_why="nothing says")
    store.save_model(b"one", ".tflite", "mine", guessed)
    store.save_model(b"two", ".tflite", "mine", guessed)
    before = read_card(find_by_name("mine"))
    assert before.is_guess
    assert store.confirm_scaling("mine").card.scaling == "unit"
    after = read_card(find_by_name("mine"))
    assert (after.scaling, after.scaling_from, after.is_guess) == ("unit", "confirmed", False)
    assert read_card(find_by_name("mine@1")) == replace(
        guessed, name="mine@1", files=read_card(find_by_name("mine@1")).files
    )
    assert store.confirm_scaling("mine", "none").card.scaling == "none"
    assert read_card(find_by_name("mine")).scaling == "none"
    assert read_card(find_by_name("mine")).files == before.files


def test_cards_of_earlier_versions_say_nothing_of_how_the_scaling_is_known() -> None:
    content = {name: value for name, value in asdict(CARD).items() if not name.startswith("scaling_")}
    assert parse_card(content) == CARD
    assert not parse_card(content).is_guess


def test_what_was_fitted_goes_to_the_network_that_it_was_fitted_on() -> None:
    put("mine", b"one")
    (old,) = store.list_models()
    fitted = replace(old.card, name="mine", sets=SetRule(0.95, (0.1,) * len(old.card.classes), 100))
    put("mine", b"two")  # while it was fitted
    store.save_known(fitted, None)
    newer, older = store.list_models()
    assert (newer.card.sets, older.card.sets) == (None, fitted.sets)
    store.remove_models("mine@1", for_good=True)
    with pytest.raises(StoreError, match="the model 'mine' has changed meanwhile; fit it again"):
        store.save_known(fitted, None)


def test_remove_takes_all_versions_or_one() -> None:
    for content in (b"one", b"two"):
        put("mine", content)
    store.remove_models("mine@2")
    assert titles() == ["mine"]
    assert store.load_content(store.find_model("mine").sha256) == b"one"
    put("other", b"other")
    store.remove_models("mine")
    assert titles() == ["other"]


def test_a_removed_model_comes_back() -> None:
    put("mine", b"one")
    put("mine", b"two")
    removed = store.remove_models("mine")
    assert titles() == []
    store.restore_models(removed)
    assert titles() == ["mine", "mine@1"]
    assert store.load_content(store.find_model("mine").sha256) == b"two"


def test_a_model_removed_for_good_does_not_come_back() -> None:
    put("mine")
    removed = store.remove_models("mine", for_good=True)
    with pytest.raises(StoreError, match="'mine' has been removed for good; add its file again"):
        store.restore_models(removed)
    with pytest.raises(StoreError, match="no longer in the store"):
        store.load_content(removed[0].sha256)


def test_undo_ends_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine")
    removed = store.remove_models("mine")
    wait_a_day(monkeypatch)
    put("other", b"other")
    with pytest.raises(StoreError, match="removed for good"):
        store.restore_models(removed)


def test_bytes_that_were_removed_can_be_added_again_under_another_name() -> None:
    put("mine")
    store.remove_models("mine")
    put("other")
    assert titles() == ["other"]


@pytest.mark.parametrize(("chosen", "then"), [("mine", "yours"), ("mine@1", "yours@1")])
def test_rename_takes_versions_and_default_along(chosen: str, then: str) -> None:
    put("mine", b"one")
    put("mine", b"two")
    resolution.set_default(chosen)
    store.rename_model("mine", "yours")
    assert titles() == ["yours", "yours@1"]
    assert default_name() == then


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: store.rename_model("mine", "other"), "has a model 'other' already"),
        (lambda: store.rename_model("nobody", "new"), "no model 'nobody' in the store; stored: mine, mine@1, other"),
        (lambda: store.rename_model("mine@1", "new"), "all versions are renamed together"),
        (lambda: store.remove_models("min"), "no model 'min' in the store; .* did you mean 'mine'?"),
        (
            lambda: resolution.set_default("nobody"),
            f"unknown model 'nobody'; models: {', '.join(NAMES)}, mine, mine@1, other",
        ),
    ],
)
def test_a_wrong_name_is_a_sentence(call: Callable[[], object], words: str) -> None:
    put("mine", b"one")
    put("mine", b"two")
    put("other", b"other")
    with pytest.raises(StoreError, match=words):
        call()
