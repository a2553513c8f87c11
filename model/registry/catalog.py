"""Every model there is, with where it comes from: what lists and pages show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model.common.errors import BundleError
from model.registry.card import Card, read_card
from model.registry.locations import BUNDLES, own_folders
from model.registry.resolution import bundle_folders, default_name

SHIPPED, TRAINED, STORED = "ships", "trained here", "added"


@dataclass(frozen=True)
class Entry:
    """A model by name; card is None, and problem a sentence, where its folder is damaged."""

    name: str
    origin: str
    folder: Path
    default: bool
    card: Card | None
    problem: str = ""


def list_entries() -> list[Entry]:
    """The models that ship, those trained here, then the store's. Raises BundleError when the store cannot be read."""
    folders, own = bundle_folders(), own_folders()
    default = default_name(folders)
    entries = []
    for name, folder in folders.items():
        origin = SHIPPED if folder.parent == BUNDLES else TRAINED if name in own else STORED
        try:
            card, problem = read_card(folder), ""
        except BundleError as error:
            card, problem = None, str(error)
        entries.append(Entry(name, origin, folder, name == default, card, problem))
    return entries
