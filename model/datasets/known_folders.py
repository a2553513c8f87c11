"""The data folders that are known here, each by a short name: those set from outside, downloaded or added."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from model.common.files import locked, write_atomic
from model.common.paths import home
from model.datasets.cifar10 import cifar10_folder
from model.datasets.image_folder import test_folder
from model.datasets.splits import DataError, readable
from model.i18n.translations import gettext as _

CIFAR10 = "cifar10"
FILE = "folders.json"


def known_folders() -> dict[str, Path]:
    """Data folders by name: VITRINE_DATA's, CIFAR-10 where Keras has downloaded it, then those that were added.

    A folder of VITRINE_DATA that is not there is listed as well, so that its owner is told what is wrong with it.
    """
    candidates = [*folders_set(), *filter(is_folder, [*downloaded(), *folders_added()])]
    found: dict[str, Path] = {}
    for path in dict.fromkeys(candidates):
        name = first = name_of(path)
        number = 1
        while name in found:
            number += 1
            name = f"{first}-{number}"
        found[name] = path
    return found


def folders_set() -> list[Path]:
    """What VITRINE_DATA names: one folder, or several with the system's path separator between them."""
    return [resolved(text) for text in os.environ.get("VITRINE_DATA", "").split(os.pathsep) if text]


def downloaded() -> list[Path]:
    """Where Keras keeps CIFAR-10 once it has downloaded it."""
    root = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    folder = root / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    return [folder] if (folder / "test_batch").is_file() else []


def folders_added() -> list[Path]:
    """The folders that were added here, first to last; a file that cannot be read is as good as none."""
    try:
        paths = json.loads((home() / FILE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    return [Path(path) for path in paths if isinstance(path, str)] if isinstance(paths, list) else []


def resolved(text: str) -> Path:
    """The path that somebody means by a text; what cannot be one stays as it is and names nothing that is there."""
    try:
        return Path(text.strip()).expanduser().resolve()
    except (OSError, RuntimeError, ValueError):
        return Path(text.replace("\0", ""))


def is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # nobody here may look there, or the name is too long
        return False


def is_cifar10(path: Path) -> bool:
    """Whether CIFAR-10's official files are in a folder."""
    try:
        return cifar10_folder(path) is not None
    except OSError:
        return False


def name_of(path: Path) -> str:
    return CIFAR10 if is_cifar10(path) else readable(path.name or str(path))


def add_folder(text: str) -> str:
    """Remember a data folder; returns the name that it has from now on. Raises DataError."""
    path = resolved(text)
    if not text.strip() or not is_folder(path):
        raise DataError(
            _(
                "{folder} is not a folder on this machine; data is a cifar-10-batches-py folder, "
                "or a folder with one sub-folder a class"
            ).format(folder=repr(text[:200]))
        )
    try:
        if not is_cifar10(path):
            test_folder(path)
    except OSError as error:
        raise DataError(_("{path} cannot be read: {reason}").format(path=path, reason=error.strerror)) from error
    if path not in known_folders().values():
        change_added(lambda added: [*added, path])
    return next(name for name, known in known_folders().items() if known == path)


def forget_folder(name: str) -> None:
    """Take a folder off the list again; what is in it stays. Raises DataError for one that was not added here."""
    path = known_folders().get(name)
    if path is None or path not in folders_added():
        raise DataError(_("{name} is not a folder that was added here").format(name=repr(name[:200])))
    change_added(lambda added: [other for other in added if other != path])


def change_added(change: Callable[[list[Path]], list[Path]]) -> None:
    """Write the list that is made of the one there is; what others add meanwhile stays. Raises DataError."""
    file = home() / FILE
    try:
        home().mkdir(parents=True, exist_ok=True)
        with locked(home() / f"{FILE}.lock"):
            paths = dict.fromkeys(change(folders_added()))
            write_atomic(file, json.dumps([str(path) for path in paths], indent=2))
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(_("{path} cannot be written: {strerror}").format(path=file, strerror=reason)) from error
