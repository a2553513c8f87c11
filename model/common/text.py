"""Make untrusted text printable, and suggest known names for an unknown one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from model.i18n.translations import gettext as _


def printable(text: str, replacement: str = "?") -> str:
    """Replace every character that cannot be printed, such as a terminal's control codes."""
    return "".join(character if character.isprintable() else replacement for character in text)


def shorten_list(names: Sequence[str], limit: int = 12) -> str:
    """Join names with commas for a message: up to `limit` of them, 40 characters each, and `…` for the rest."""
    return ", ".join(name[:40] for name in names[:limit]) + (", …" if len(names) > limit else "")


def did_you_mean(name: str, known: Iterable[str], limit: int = 1) -> str:
    """Return the end of an error message that suggests up to `limit` similar names; empty if none is similar."""
    return suggestion(get_close_matches(name, list(known), limit))


def suggestion(names: Iterable[str]) -> str:
    """Return the end of an error message that suggests the given names; empty for none."""
    listed = ", ".join(map(repr, names))
    return _("; did you mean {names}?").format(names=listed) if listed else ""
