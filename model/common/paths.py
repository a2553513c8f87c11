"""Where the user's own models and runs are stored."""

from __future__ import annotations

from pathlib import Path

from model.common.settings import read_settings


def home() -> Path:
    """Return the folder for everything made at run time: VITRINE_HOME, or `.vitrine` in the current folder."""
    return Path(read_settings("home").home)
