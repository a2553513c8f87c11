"""The names of the files in a run's folder, and how its JSON is read and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model.common.errors import VitrineError
from model.common.files import write_atomic

CHECKPOINT = "checkpoint.npz"
PROCESS = "process.json"  # which process trains it
LOCK = ".lock"  # held while it is decided which process that is
PROGRESS = "progress.json"  # how far it is; there only while it trains


class RunError(VitrineError, ValueError):
    """A run that does not exist or cannot be changed or resumed; the message names it."""


def write_json(path: Path, content: dict[str, Any], durable: bool = True) -> None:
    """Write a JSON object as `write_atomic` does."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # What is no UTF-8 in a path becomes \udc.., which JSON reads as the same path.
    write_atomic(path, text.encode("utf-8", "backslashreplace"), durable)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty if it is missing or damaged."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
