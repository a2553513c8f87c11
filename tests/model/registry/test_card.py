from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from model.common.errors import BundleError
from model.registry.card import check_name, read_card
from tests.model.registry.bundles import CARD, make


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


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", "[" * 200_000, '{"files": {}}', '{"files": {"model.keras": {"size": 1}}}', "\ud800"],
)
def test_a_broken_card_is_named(tmp_path: Path, content: str) -> None:
    folder = make(tmp_path / "small")
    (folder / "card.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(BundleError, match=r"small/card\.json is not a card of this version"):
        read_card(folder)


def test_a_card_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "small" / "card.json").mkdir(parents=True)
    with pytest.raises(BundleError, match=r"small/card\.json cannot be read: Is a directory"):
        read_card(tmp_path / "small")


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
