from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from model.common.errors import BundleError
from model.inference.classifier import Classifier
from model.registry import materialized_models, resolution, store
from model.registry.card import INT8_FILE, read_card, write_card
from model.registry.resolution import DEFAULT, bundle_folders, default_name, find_bundle, find_by_name
from tests.drawn import draw_images
from tests.shipped import FAST_CARD, FAST_INT8, LISTED, NAMES

NETWORK = FAST_INT8.read_bytes()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    return tmp_path / "home"


def put(name: str, content: bytes = NETWORK) -> None:
    store.save_model(content, ".tflite", name, FAST_CARD)


def test_a_stored_model_is_a_bundle_like_any_other() -> None:
    put("mine")
    assert list(bundle_folders()) == [*NAMES, "mine"]
    card = read_card(find_by_name("mine"))
    assert (card.name, card.classes) == ("mine", FAST_CARD.classes)
    stored, shipped = Classifier.load("mine"), Classifier.load("fast", "int8")
    assert stored.engine == "int8"
    images = draw_images(5)
    assert (stored.probabilities(images) == shipped.probabilities(images)).all()


def test_default_follows_the_store_and_falls_back() -> None:
    assert default_name() == DEFAULT
    put("mine")
    resolution.set_default("mine")
    assert read_card(find_bundle("default")).name == "mine"
    removed = store.remove_models("mine")
    assert find_bundle("default") == find_bundle(DEFAULT)
    store.restore_models(removed)
    assert default_name() == "mine"
    store.remove_models("mine", for_good=True)
    put("mine")
    assert default_name() == DEFAULT  # a new model of the name is not what was chosen
    resolution.set_default(DEFAULT)
    assert default_name() == DEFAULT


def test_an_unknown_name_lists_the_stored_ones_too() -> None:
    put("mine")
    with pytest.raises(BundleError, match=rf"unknown model 'mime'; models: {LISTED}, mine; did you mean 'mine'\?"):
        find_by_name("mime")


def test_a_bundle_trained_under_a_stored_name_comes_first(home: Path) -> None:
    put("mine")
    folder = home / "bundles" / "mine"
    folder.mkdir(parents=True)
    (folder / INT8_FILE).write_bytes(NETWORK)
    write_card(folder, FAST_CARD)
    assert find_by_name("mine") == folder


def test_changes_of_another_process_are_seen_at_once() -> None:
    put("mine")
    assert "yours" not in bundle_folders()
    code = (
        "from model.registry import resolution, store; store.rename_model('mine', 'yours');"
        "resolution.set_default('yours')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert list(bundle_folders()) == [*NAMES, "yours"]
    assert default_name() == "yours"


def test_changes_within_a_clocks_tick_are_seen() -> None:
    for number in range(30):
        put("mine", b"%d" % number)
        assert read_card(find_by_name("mine")).bytes == len(str(number))
        name = ("a", "b")[number % 2]
        resolution.set_default("mine" if name == "a" else DEFAULT)
        assert default_name() == ("mine" if name == "a" else DEFAULT)


def test_an_unchanged_store_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine")
    time.sleep(materialized_models.MIN_STATE_AGE + 0.05)
    before = bundle_folders()
    monkeypatch.setattr(materialized_models, "read_snapshot", lambda: pytest.fail("read again"))
    assert bundle_folders() == before


def test_the_bytes_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine")
    bundle_folders()
    monkeypatch.setattr(materialized_models, "load_content", lambda sha256: pytest.fail("read again"))
    resolution.set_default("mine")
    bundle_folders()


def test_a_folder_that_somebody_deleted_is_written_again(home: Path) -> None:
    put("mine")
    folder = find_by_name("mine")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert (find_by_name("mine") / "model.tflite").read_bytes() == NETWORK


def test_threads_that_come_first_together_find_it_whole() -> None:
    put("mine")
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: find_by_name("mine"), range(16)))
    assert len(set(folders)) == 1
    assert {path.name for path in folders[0].iterdir()} == {"model.tflite", "card.json"}
    assert set(folders[0].parent.iterdir()) == set(folders)


def test_threads_that_come_first_together_read_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine")
    read = list[str]()
    original = materialized_models.load_content

    def load(sha256: str) -> bytes:
        read.append(sha256)
        time.sleep(0.1)
        return original(sha256)

    monkeypatch.setattr(materialized_models, "load_content", load)
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _number: find_bundle("mine"), range(8)))
    assert len(folders) == len(read) == 1


def test_a_model_that_cannot_be_written_costs_no_other(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put("mine")
    read = list[str]()
    original = materialized_models.load_content
    monkeypatch.setattr(materialized_models, "load_content", lambda sha256: read.append(sha256) or original(sha256))
    monkeypatch.setattr(materialized_models, "_tried", {})
    (home / "cache").write_bytes(b"no folder")  # as a full disk
    for _time in range(3):
        assert read_card(find_bundle(DEFAULT)).name == DEFAULT
        with pytest.raises(BundleError):
            read_card(find_bundle("mine"))
    assert len(read) == 1 and "mine: " in caplog.text and "cannot be written" in caplog.text
    (home / "cache").unlink()
    monkeypatch.setattr(materialized_models, "_RETRY_SECONDS", 0.0)
    assert read_card(find_bundle("mine")).name == "mine"


def test_a_machine_that_has_just_been_started_writes_models_too(monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine")
    clock = SimpleNamespace(monotonic=lambda: 5.0, time=time.time)  # seconds since the start
    monkeypatch.setattr(materialized_models, "time", clock)
    assert read_card(find_bundle("mine")).name == "mine"


def test_folders_of_models_that_have_gone_go_later(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("mine")
    old = find_by_name("mine")
    store.rename_model("mine", "yours")
    new = find_by_name("yours")
    assert old.is_dir()  # whoever has found it a moment ago can still read it
    os.utime(old / "unused", (0, 0))
    resolution.set_default("yours")
    find_by_name("yours")
    assert not old.exists()
    assert new.is_dir()


def test_a_damaged_store_is_a_sentence_not_the_shipped_model(home: Path) -> None:
    home.mkdir()
    (home / "vitrine.sqlite").write_bytes(b"This is not a database. " * 100)
    with pytest.raises(BundleError, match="cannot be used"):
        find_bundle("default")
