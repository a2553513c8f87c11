"""Where models are stored: the bundles that ship, those trained here, and the store."""

from __future__ import annotations

from pathlib import Path

from model.common.files import is_temporary
from model.common.paths import home
from model.common.settings import read_settings
from model.registry.card import CARD_FILE

BUNDLES = Path(__file__).parent.parent / "bundles"


def database_file() -> Path:
    """Return where the store is, unless VITRINE_DATABASE names another database."""
    return home() / "vitrine.sqlite"


def has_store() -> bool:
    """Return whether there is a store; without one, its libraries need not be imported."""
    return bool(read_settings("database").database) or database_file().is_file()


def own_folders() -> dict[str, Path]:
    """Return the bundles outside the store by name: those that ship, then those trained here under other names."""
    folders: dict[str, Path] = {}
    for root in (BUNDLES, home() / "bundles"):
        for card in sorted(root.glob(f"*/{CARD_FILE}")):
            if not is_temporary(card.parent):
                folders.setdefault(card.parent.name, card.parent)
    return folders
