from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from model import bundle
from model.bundle import BundleError, Card, check_file, check_name, find_bundle, read_card, write_card

CARD = Card(
    name="small",
    classes=("cat", "dog"),
    input_size=32,
    parameters=1234,
    flops=5678,
    recipe="fast",
    dataset="pets",
    date="2026-01-31",
    minutes=1.5,
    accuracy={
        "pets test, all 20": {"n": 20, "keras": 0.9, "int8": 0.85},
        "pets test, first 5": {"n": 5, "keras": 1.0, "int8": 1.0},
    },
    ece={"pets test, all 20": {"keras": 0.03, "int8": 0.04}},
)


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(b"weights of the network")
    (folder / "model-int8.tflite").write_bytes(b"small weights")
    write_card(folder, dataclasses.replace(CARD, name=folder.name))
    return folder


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shipped bundles `fast` and `shared`, own bundles `mine` and another `shared`."""
    monkeypatch.setattr(bundle, "BUNDLES", tmp_path / "shipped")
    monkeypatch.setattr(bundle, "DEFAULT", "fast")
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    for name in ("shipped/fast", "shipped/shared", "home/bundles/mine", "home/bundles/shared"):
        make(tmp_path / name)
    return tmp_path


def test_card_reads_back_with_sizes_and_sums(tmp_path: Path) -> None:
    card = read_card(make(tmp_path / "small"))
    assert dataclasses.replace(card, files={}) == CARD
    assert card.files["model.keras"].bytes == 22
    # printf 'weights of the network' | sha256sum
    assert card.files["model.keras"].sha256 == "e3d613f9048214dae040e9a7f7d6d2465363642ba2d3df8c79613803be89373a"
    assert set(card.files) == {"model.keras", "model-int8.tflite"}


def test_headline_is_the_largest_test_set() -> None:
    assert CARD.headline == ("pets test, all 20", {"n": 20, "keras": 0.9, "int8": 0.85})
    assert dataclasses.replace(CARD, accuracy={}).headline is None


def test_a_changed_byte_is_caught(tmp_path: Path) -> None:
    folder = make(tmp_path / "small")
    card = read_card(folder)
    assert check_file(folder, card, "model.keras") == folder / "model.keras"
    (folder / "model.keras").write_bytes(b"weights of the netw0rk")
    with pytest.raises(BundleError, match=r"model\.keras is not the file its card describes: its SHA-256 differs"):
        check_file(folder, card, "model.keras")
    check_file(folder, card, "model-int8.tflite")


def test_a_missing_file_names_those_there(tmp_path: Path) -> None:
    folder = make(tmp_path / "small")
    (folder / "model-int8.tflite").unlink()
    card = write_card(folder, CARD)
    with pytest.raises(BundleError, match=r"holds no model-int8\.tflite; its files: model\.keras"):
        check_file(folder, card, "model-int8.tflite")


def test_a_bundle_is_found_by_name_default_and_path(places: Path) -> None:
    elsewhere = make(places / "elsewhere")
    assert find_bundle("default") == places / "shipped/fast"
    assert find_bundle("fast") == places / "shipped/fast"
    assert find_bundle("mine") == places / "home/bundles/mine"
    assert find_bundle(str(elsewhere)) == elsewhere


def test_an_own_bundle_does_not_hide_a_shipped_one(places: Path) -> None:
    assert find_bundle("shared") == places / "shipped/shared"


def test_own_bundles_follow_vitrine_home(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(places / "another"))
    with pytest.raises(BundleError):
        find_bundle("mine")
    monkeypatch.delenv("VITRINE_HOME")
    monkeypatch.chdir(places)
    make(places / ".vitrine/bundles/local")
    assert find_bundle("local").resolve() == places / ".vitrine/bundles/local"


def test_an_unknown_name_lists_names(places: Path) -> None:
    with pytest.raises(BundleError) as caught:
        find_bundle("fsat")
    assert str(caught.value) == "unknown model 'fsat'; models: default, fast, shared, mine; did you mean 'fast'?"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"files": {}}', '{"files": {"model.keras": {"size": 1}}}', "\ud800"]
)
def test_a_broken_card_is_named(tmp_path: Path, content: str) -> None:
    folder = make(tmp_path / "small")
    (folder / "card.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(BundleError, match=r"small/card\.json is not a card of this version"):
        read_card(folder)


def test_a_card_of_another_version_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "small")
    content = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "card.json").write_text(json.dumps(content | {"mood": "good"}), "utf-8")
    with pytest.raises(BundleError, match="mood"):
        read_card(folder)


def test_a_folder_without_card_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is not a bundle: it has no card\.json"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", "", ".", "..", ".hidden", "-f", "a b", "x" * 65, "name\n", "käse"]
)
def test_a_name_that_is_no_folder_name_is_refused(name: str) -> None:
    with pytest.raises(BundleError, match="cannot be a name"):
        check_name(name)


@pytest.mark.parametrize("name", ["fast", "fast-20260131-120000", "v1.2_b", "x" * 64])
def test_a_plain_name_is_kept(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in bundle.BUNDLES.glob("*/card.json")), ids=lambda folder: folder.name
)
def test_shipped_bundles_match_their_cards(folder: Path) -> None:
    card = read_card(folder)
    assert card.name == folder.name
    assert card.headline is not None
    for file in ("model.keras", "model-int8.tflite"):
        check_file(folder, card, file)
