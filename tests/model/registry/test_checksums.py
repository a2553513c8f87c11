from __future__ import annotations

from pathlib import Path

import pytest

from model.common.errors import BundleError
from model.registry import locations
from model.registry.card import read_card, write_card
from model.registry.checksums import check_file
from tests.model.registry.bundles import CARD, make


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


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in locations.BUNDLES.glob("*/card.json")), ids=lambda folder: folder.name
)
def test_shipped_bundles_match_their_cards(folder: Path) -> None:
    card = read_card(folder)
    assert card.name == folder.name
    assert (card.headline is not None) == bool(card.recipe)  # what others trained was not measured here
    for file in ("model.keras", "model-int8.tflite"):
        check_file(folder, card, file)
