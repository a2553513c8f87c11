"""All models and where they come from, as lists and pages show them."""

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
    """A model by name.

    Attributes:
        name: Its name.
        origin: SHIPPED, TRAINED or STORED.
        folder: The bundle's folder.
        default: Whether it is the default model.
        card: Its card; None if the folder is damaged.
        problem: What is wrong with the folder, as a sentence.
    """

    name: str
    origin: str
    folder: Path
    default: bool
    card: Card | None
    problem: str = ""


def list_entries() -> list[Entry]:
    """List the models: those that ship, those trained here, then those in the store.

    Raises:
        BundleError: The store cannot be read.
    """
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
