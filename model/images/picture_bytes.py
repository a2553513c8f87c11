"""The bytes of a picture file on this machine."""

from __future__ import annotations

import os
from pathlib import Path

from model.i18n.translations import gettext as _
from model.images.decoder import MAX_BYTES, InvalidImage


def read_file(path: Path) -> bytes:
    """Return the bytes of a file; of one that is too large, only one byte more than the limit.

    Raises:
        InvalidImage: It cannot be read.
    """
    try:
        # Inside, because these ask the system too, which may refuse a path that is too long or in a locked folder.
        if path.is_dir():
            os.scandir(path).close()  # says why a folder cannot be listed
            raise InvalidImage(_("This folder holds no pictures."))
        if path.exists() and not path.is_file():
            raise InvalidImage(_("This is a device or a pipe, not a file."))
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except InvalidImage:
        raise
    except FileNotFoundError:
        raise InvalidImage(_("There is no such file.")) from None
    except (OSError, ValueError) as error:
        raise InvalidImage(
            _("This file cannot be read: {reason}.").format(reason=getattr(error, "strerror", None) or error)
        ) from None
