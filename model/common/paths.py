"""Where the user's own models and runs are stored."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the folder for everything made at run time: VITRINE_HOME, or `.vitrine` in the current folder."""
    return Path(os.environ.get("VITRINE_HOME") or ".vitrine")
