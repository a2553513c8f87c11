"""Where the user's own models and runs live."""

from __future__ import annotations

import os
from pathlib import Path

from model.language import gettext as _


def home() -> Path:
    """The folder for what is made at run time: VITRINE_HOME, or `.vitrine` in the current folder."""
    return Path(os.environ.get("VITRINE_HOME") or ".vitrine")


class SettingError(ValueError):
    """A setting that cannot be used; the message says what would be right."""


def keeps_answers() -> bool:
    """Whether answers are kept unless somebody says otherwise: VITRINE_HISTORY is 1. Raises SettingError for a typo."""
    given = os.environ.get("VITRINE_HISTORY", "0")
    if given not in ("", "0", "1"):
        raise SettingError(_("VITRINE_HISTORY is {given!r}; it can be 1, to keep answers, or 0").format(given=given))
    return given == "1"
