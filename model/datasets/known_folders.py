"""The data folders offered by name: from VITRINE_DATA, downloaded by Keras, or added by the user."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from model.common.files import is_folder, locked, write_atomic
from model.common.paths import home
from model.common.settings import read_settings
from model.datasets.cifar10 import cifar10_folder
from model.datasets.image_folder import find_test_folder
from model.datasets.splits import DataError, utf8_name
from model.i18n.translations import gettext as _

_CIFAR10 = "cifar10"
FILE = "folders.json"


def known_folders() -> dict[str, Path]:
    """Return the data folders by name: those of VITRINE_DATA, CIFAR-10 if Keras has downloaded it, then the added ones.

    A missing folder of VITRINE_DATA is included, so that its owner is told what is wrong with it.
    """
    candidates = [*_configured_folders(), *filter(is_folder, [*_downloaded_folders(), *added_folders()])]
    found: dict[str, Path] = {}
    for path in dict.fromkeys(candidates):
        name = first = _short_name(path)
        number = 1
        while name in found:
            number += 1
            name = f"{first}-{number}"
        found[name] = path
    return found


def _configured_folders() -> list[Path]:
    """Return the folders in VITRINE_DATA, which are separated as in PATH."""
    return [resolve_path(text) for text in read_settings("data").data]


def _downloaded_folders() -> list[Path]:
    """Return the folder in which Keras caches CIFAR-10, if it is there."""
    root = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    folder = root / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    return [folder] if (folder / "test_batch").is_file() else []


def added_folders() -> list[Path]:
    """Return the folders that the user added, in that order; an unreadable list counts as empty."""
    try:
        paths = json.loads((home() / FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return [Path(path) for path in paths if isinstance(path, str)] if isinstance(paths, list) else []


def resolve_path(text: str) -> Path:
    """Resolve the path that a user typed; text that cannot be a path becomes one that does not exist."""
    try:
        return Path(text.strip()).expanduser().resolve()
    except (OSError, RuntimeError, ValueError):
        return Path(text.replace("\0", ""))


def is_cifar10(path: Path) -> bool:
    """Return whether a folder holds CIFAR-10's official files."""
    try:
        return cifar10_folder(path) is not None
    except OSError:
        return False


def _short_name(path: Path) -> str:
    return _CIFAR10 if is_cifar10(path) else utf8_name(path.name or str(path))


def add_folder(text: str) -> str:
    """Add a data folder to the list and return the name it is listed under.

    Raises:
        DataError: It is not a folder of labelled pictures.
    """
    path = resolve_path(text)
    if not text.strip() or not is_folder(path):
        raise DataError(
            _(
                "{folder} is not a folder on this machine; data is a cifar-10-batches-py folder, "
                "or a folder with one sub-folder a class"
            ).format(folder=repr(text[:200]))
        )
    try:
        if not is_cifar10(path):
            find_test_folder(path)
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}").format(path=path, reason=error.strerror)) from error
    if path not in known_folders().values():
        _update_added(lambda added: [*added, path])
    return next(name for name, known in known_folders().items() if known == path)


def forget_folder(name: str) -> None:
    """Remove a folder from the list; the folder itself stays as it is.

    Raises:
        DataError: The folder was not added by the user.
    """
    path = known_folders().get(name)
    if path is None or path not in added_folders():
        raise DataError(_("{name} is not a folder that was added here").format(name=repr(name[:200])))
    _update_added(lambda added: [other for other in added if other != path])


def _update_added(change: Callable[[list[Path]], list[Path]]) -> None:
    """Change the stored list under a lock, so that concurrent changes are kept.

    Raises:
        DataError: The list cannot be written.
    """
    file = home() / FILE
    try:
        home().mkdir(parents=True, exist_ok=True)
        with locked(home() / f"{FILE}.lock"):
            paths = dict.fromkeys(change(added_folders()))
            write_atomic(file, json.dumps([str(path) for path in paths], indent=2))
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(_("{path} cannot be written: {strerror}").format(path=file, strerror=reason)) from error
