"""The names of ImageNet's thousand classes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_CLASSES_FILE = Path(__file__).with_name("imagenet_classes.txt")


@cache
def imagenet_classes() -> tuple[str, ...]:
    """Return the names of ImageNet's thousand classes, in the order of every network's outputs."""
    return tuple(_CLASSES_FILE.read_text("utf-8").splitlines())
