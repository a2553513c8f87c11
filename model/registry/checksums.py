"""A bundle's files, checked against the SHA-256 on its card before they are used."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from model.common.errors import BundleError
from model.common.files import sha256
from model.i18n.translations import gettext as _
from model.registry.card import Card


def missing_file_error(bundle: str, card: Card, name: str) -> BundleError:
    """Return the error for a file that a bundle does not have.

    Args:
        bundle: The bundle's folder or name.
        card: Its card.
        name: The name of the file.
    """
    return BundleError(
        _("{folder} holds no {name}; its files: {names}").format(
            folder=bundle, name=name, names=", ".join(card.files) or _("none")
        )
    )


def check_file(folder: Path, card: Card, name: str) -> Path:
    """Return the path of a bundle's file after comparing its SHA-256 with the card.

    Raises:
        BundleError: The file is missing, or is not the one on the card.
    """
    path = folder / name
    if name not in card.files or not path.is_file():
        raise missing_file_error(str(folder), card, name)
    if sha256(path) != card.files[name].sha256:
        raise BundleError(_("{path} is not the file its card describes: its SHA-256 differs").format(path=path))
    return path


@contextmanager
def checked_copy(folder: Path, card: Card, name: str) -> Iterator[Path]:
    """Copy a bundle's file and check the copy: what is loaded is what the card describes, whoever writes meanwhile.

    Raises:
        BundleError: The file is missing, is not the one on the card, or changed in the meantime.
        OSError: There is no room for the copy.
    """
    path = check_file(folder, card, name)
    with TemporaryDirectory(prefix="vitrine-", ignore_cleanup_errors=True) as temporary:
        copy = Path(shutil.copy(path, temporary))
        if sha256(copy) != card.files[name].sha256:
            raise BundleError(_("{path} changed while it was read; try again").format(path=path))
        yield copy
