"""The store as folders: each stored model is written out once, so that whoever reads bundles reads it too."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from model.common.errors import StoreError
from model.common.files import atomic_folder, is_temporary, remove_abandoned
from model.common.paths import home
from model.i18n.translations import gettext as _
from model.registry.card import CARD_FILE, KNOWN_FILE
from model.registry.database import database_url, reading, sqlite_file
from model.registry.store import FILES, StoredModel, content_of, known_of, live_models
from model.registry.tables import SETTINGS

SETTLED = 0.2  # seconds after which a second change of a file cannot have the same time of change
UNUSED_SECONDS = 120  # a folder may still be read for this long after its model has gone or got another name


@dataclass(frozen=True)
class Shelf:
    """What the store held at one moment: models by title with the text of their cards, and the chosen default."""

    models: dict[str, tuple[StoredModel, str]]
    default: str | None


SEEN: dict[str, tuple[object, Shelf]] = {}  # by database: its file's state when it was read, and what it held


def stored_folders() -> dict[str, Path]:
    """A bundle folder for each stored model, by title, as the store stands now. Raises StoreError."""
    return {title: write_out(model, text) for title, (model, text) in current_shelf().models.items()}


def chosen_default() -> str | None:
    """The name that was chosen as default, or None. Raises StoreError."""
    return current_shelf().default


def title_of(name: str) -> str:
    """The title of the stored model that `name@version` stands for; any other name as it is. Raises StoreError."""
    models = (model for model, _ in current_shelf().models.values())
    return next((model.title for model in models if name == f"{model.name}@{model.version}"), name)


def current_shelf() -> Shelf:
    """What the store holds now; its file is only read again after it has changed."""
    key, state = str(database_url()), state_of(sqlite_file())
    seen = SEEN.get(key)
    if seen and state is not None and seen[0] == state:
        return seen[1]
    shelf = read_shelf()
    SEEN[key] = (state, shelf)
    sweep(shelf)
    return shelf


def state_of(file: Path | None) -> object:
    """Tells a database's file from the same file after a change; None where that cannot be told yet, or at all."""
    if file is None:
        return None
    states: list[tuple[int, int, int] | None] = []
    newest = 0.0
    for path in (file, Path(f"{file}-wal")):
        try:
            status = path.stat()
        except OSError:
            states.append(None)
            continue
        states.append((status.st_ino, status.st_size, status.st_mtime_ns))
        newest = max(newest, status.st_mtime)
    # Clocks of file systems tick a few times in a hundredth of a second: two changes can bear the same time.
    return tuple(states) if 0 < newest < time.time() - SETTLED else None


def read_shelf() -> Shelf:
    with reading() as connection:
        models = live_models(connection)
        default = connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.key == "default")).scalar()
    return Shelf({model.title: (model, card_text(model)) for model in models}, default)


def card_text(model: StoredModel) -> str:
    card = dataclasses.replace(model.card, name=model.title)
    return json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False) + "\n"


def cache() -> Path:
    """Where the models of this database are written out; another database has a folder of its own."""
    return home() / "cache" / hashlib.sha256(str(database_url()).encode()).hexdigest()[:8]


def folder_of(text: str) -> Path:
    """The folder is named after what the card says, the network's SHA-256 included: it never changes."""
    return cache() / hashlib.sha256(text.encode()).hexdigest()[:32]


def write_out(model: StoredModel, text: str) -> Path:
    """The model's bundle folder, written if it is not there; another process may do the same. Raises StoreError."""
    folder = folder_of(text)
    if (folder / CARD_FILE).is_file():
        return folder
    content = content_of(model.sha256)
    try:
        with atomic_folder(folder, CARD_FILE) as temporary:
            (temporary / FILES[model.suffix]).write_bytes(content)
            if KNOWN_FILE in model.card.files:
                (temporary / KNOWN_FILE).write_bytes(known_of(model.sha256))
            (temporary / CARD_FILE).write_text(text, "utf-8")
    except OSError as error:
        raise StoreError(
            _("{parent} cannot be written: {strerror}").format(parent=folder.parent, strerror=error.strerror)
        ) from error
    return folder


def is_stored(folder: Path) -> bool:
    """Whether a bundle's folder is one that a stored model was written out to."""
    return folder.parent == cache()


def sweep(shelf: Shelf) -> None:
    """Delete the folders of models that have gone, some time after they were last needed."""
    needed = {folder_of(text).name for _, text in shelf.models.values()}
    remove_abandoned(cache())
    for folder in itertools.filterfalse(is_temporary, cache().glob("*")):
        mark = folder / "unused"
        try:
            if folder.name in needed:
                mark.unlink(missing_ok=True)
            elif not mark.exists():
                mark.touch()
            elif mark.stat().st_mtime < time.time() - UNUSED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another process sweeps too
            continue
