"""Text from outside as it may be shown, and what a name that is not known may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from model.i18n.translations import gettext as _


def printable(text: str, instead: str = "?") -> str:
    """The text with `instead` for each character that has no shape, such as what a terminal would obey."""
    return "".join(character if character.isprintable() else instead for character in text)


def did_you_mean(name: str, known: Iterable[str], limit: int = 1) -> str:
    """The end of a sentence that refuses a name: up to `limit` known ones that look like it; empty where none does."""
    return suggestion(get_close_matches(name, list(known), limit))


def suggestion(names: Iterable[str]) -> str:
    """The same for names that have been found in another way."""
    listed = ", ".join(map(repr, names))
    return _("; did you mean {names}?").format(names=listed) if listed else ""
