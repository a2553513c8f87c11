"""The stored models as bundle folders: each is written to disk once, so that code that reads bundles can read it."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import logging
import math
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from model.common.files import atomic_folder, is_temporary, remove_abandoned
from model.common.paths import home
from model.registry.card import CARD_FILE, KNOWN_FILE
from model.registry.database import database_url, read_connection, sqlite_file
from model.registry.store import FILES, StoredModel, live_models, load_content, load_known
from model.registry.tables import SETTINGS

MIN_STATE_AGE = 0.2  # youngest modification time (s) to trust: two changes within it may bear the same time
_RETRY_SECONDS = 30.0  # after a model could not be written
_UNUSED_SECONDS = 120  # a folder may be in use this long after its model is gone or renamed


@dataclass(frozen=True)
class _Snapshot:
    """What the store held at one moment.

    Attributes:
        models: The models by title, each with the text of its card.
        default: The name chosen as default, or None.
    """

    models: dict[str, tuple[StoredModel, str]]
    default: str | None


_log = logging.getLogger(__name__)
_writing = threading.Lock()
_tried: dict[Path, float] = {}  # folders that could not be written, and time.monotonic() of that
_snapshots: dict[str, tuple[object, _Snapshot]] = {}  # database -> the file's state when it was read, and the content


def stored_folders() -> dict[str, Path]:
    """Return a bundle folder for each stored model, by title.

    Raises:
        StoreError: The store cannot be read.
    """
    return {title: _materialize(model, text) for title, (model, text) in _current_snapshot().models.items()}


def chosen_default() -> str | None:
    """Return the name that was chosen as default, or None.

    Raises:
        StoreError: The store cannot be read.
    """
    return _current_snapshot().default


def title_of(name: str) -> str:
    """Return the title of the stored model that `name@version` stands for; any other name unchanged.

    Raises:
        StoreError: The store cannot be read.
    """
    models = (model for model, _ in _current_snapshot().models.values())
    return next((model.title for model in models if name == f"{model.name}@{model.version}"), name)


def _current_snapshot() -> _Snapshot:
    """Return what the store holds now; its file is read again only after it has changed."""
    key, state = str(database_url()), _file_state(sqlite_file())
    known = _snapshots.get(key)
    if known and state is not None and known[0] == state:
        return known[1]
    snapshot = read_snapshot()
    _snapshots[key] = (state, snapshot)
    _delete_unused(snapshot)
    return snapshot


def _file_state(file: Path | None) -> object:
    """Return a value that changes whenever a database's file does, or None if that cannot be told (yet)."""
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
    # Clocks of file systems tick every few milliseconds: two changes can bear the same time.
    return tuple(states) if 0 < newest < time.time() - MIN_STATE_AGE else None


def read_snapshot() -> _Snapshot:
    """Read what the store holds.

    Raises:
        StoreError: The store cannot be read.
    """
    with read_connection() as connection:
        models = live_models(connection)
        default = connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.key == "default")).scalar()
    return _Snapshot({model.title: (model, _card_text(model)) for model in models}, default)


def _card_text(model: StoredModel) -> str:
    card = dataclasses.replace(model.card, name=model.title)
    return json.dumps(dataclasses.asdict(card), indent=2, ensure_ascii=False) + "\n"


def _cache_folder() -> Path:
    """Return where the models of this database are written; each database has its own folder."""
    return home() / "cache" / hashlib.sha256(str(database_url()).encode()).hexdigest()[:8]


def _folder_for(text: str) -> Path:
    """Return the folder for a card. Its name is a hash of the card, which includes the network's SHA-256."""
    return _cache_folder() / hashlib.sha256(text.encode()).hexdigest()[:32]


def _materialize(model: StoredModel, text: str) -> Path:
    """Return the bundle folder of a model after writing it if it is missing; another process may do the same.

    Where it cannot be written, as on a full disk, the folder stays empty: whoever reads it is told, and all other
    models go on. It is tried again after a while.

    Raises:
        StoreError: The store cannot be read.
    """
    folder = _folder_for(text)
    if (folder / CARD_FILE).is_file():
        return folder
    with _writing:  # one of many threads: a network may have hundreds of megabytes
        if (folder / CARD_FILE).is_file() or time.monotonic() < _tried.get(folder, -math.inf) + _RETRY_SECONDS:
            return folder
        content = load_content(model.sha256)
        try:
            with atomic_folder(folder, CARD_FILE) as temporary:
                (temporary / FILES[model.suffix]).write_bytes(content)
                if KNOWN_FILE in model.card.files:
                    (temporary / KNOWN_FILE).write_bytes(load_known(model.sha256))
                (temporary / CARD_FILE).write_text(text, "utf-8")
        except OSError as error:
            _log.error("%s: %s cannot be written: %s", model.title, folder.parent, error.strerror)
            _tried[folder] = time.monotonic()
        else:
            _tried.pop(folder, None)
    return folder


def is_stored(folder: Path) -> bool:
    """Return whether a bundle's folder belongs to a stored model."""
    return folder.parent == _cache_folder()


def _delete_unused(snapshot: _Snapshot) -> None:
    """Delete the folders of models that are gone, some time after they were last needed."""
    needed = {_folder_for(text).name for _, text in snapshot.models.values()}
    remove_abandoned(_cache_folder())
    for folder in itertools.filterfalse(is_temporary, _cache_folder().glob("*")):
        mark = folder / "unused"
        try:
            if folder.name in needed:
                mark.unlink(missing_ok=True)
            elif not mark.exists():
                mark.touch()
            elif mark.stat().st_mtime < time.time() - _UNUSED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another process sweeps too
            continue
