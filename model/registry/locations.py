"""Where models lie: the bundles that ship, those trained here, and the store."""

from __future__ import annotations

import os
from pathlib import Path

from model.common.files import is_temporary
from model.common.paths import home
from model.registry.card import CARD_FILE

BUNDLES = Path(__file__).parent.parent / "bundles"


def database_file() -> Path:
    """Where the store is, unless VITRINE_DATABASE names another database."""
    return home() / "vitrine.sqlite"


def has_store() -> bool:
    """Whether there is a store to look into; without one, its libraries need not be imported."""
    return bool(os.environ.get("VITRINE_DATABASE")) or database_file().is_file()


def own_folders() -> dict[str, Path]:
    """The bundles outside the store, by name: those that ship, then those trained here; no name hides a shipped one."""
    folders: dict[str, Path] = {}
    for root in (BUNDLES, home() / "bundles"):
        for card in sorted(root.glob(f"*/{CARD_FILE}")):
            if not is_temporary(card.parent):
                folders.setdefault(card.parent.name, card.parent)
    return folders
