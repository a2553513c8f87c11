"""Where the user's own models and runs live."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The folder for what is made at run time: VITRINE_HOME, or `.vitrine` in the current folder."""
    return Path(os.environ.get("VITRINE_HOME") or ".vitrine")


class SettingError(ValueError):
    """A setting that cannot be used; the message says what would be right."""


def keeps_answers() -> bool:
    """Whether answers are kept unless somebody says otherwise: VITRINE_HISTORY is 1. Raises SettingError for a typo."""
    given = os.environ.get("VITRINE_HISTORY", "0")
    if given not in ("", "0", "1"):
        raise SettingError(f"VITRINE_HISTORY is {given!r}; it can be 1, to keep answers, or 0")
    return given == "1"
