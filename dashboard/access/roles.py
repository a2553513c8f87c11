"""Permissions: the owner may do everything, a visitor may only look and try. Every change is checked here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import streamlit as st

from dashboard.access.sign_in import COOKIE
from dashboard.access.visitors import FOREIGN, STANDING_HEADER, Visitor
from model.common.errors import BundleError
from model.common.paths import home
from model.datasets.known_folders import known_folders
from model.datasets.splits import utf8_name
from model.i18n.translations import gettext as _

_PROGRAM = Path(__file__).parent.parent.parent
_Result = TypeVar("_Result")


class NotOwnerError(BundleError):
    """Only the owner may do this; the message says so."""


def current_visitor() -> Visitor:
    """Return who is at the page being drawn, according to its connection."""
    return Visitor(st.context.headers.get(STANDING_HEADER, FOREIGN), st.context.cookies.get(COOKIE, ""))


def is_owner() -> bool:
    """Return whether whoever is at the page may change things and see what others asked."""
    return current_visitor().owner


def hide_paths(text: str) -> str:
    """Remove paths on this machine from a message, unless the owner reads it.

    Visitors read a data folder's name in place of its path, and Vitrine's folders without their parents.
    """
    if is_owner():
        return text
    places = {utf8_name(str(path)): name for name, path in known_folders().items()}
    places |= {f"{folder.parent}{os.sep}": "" for folder in (home().resolve(), _PROGRAM)}
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return text


def check_owner(who: Visitor | None = None) -> None:
    """Raise NotOwnerError unless this is the owner; call it before every change, because a button may be outdated.

    Args:
        who: The visitor to check; by default whoever is at the page.
    """
    if not (who or current_visitor()).owner:
        raise NotOwnerError(_("Only the owner can do that. Visitors look and try; nothing was changed."))


def owner_only(work: Callable[[], _Result]) -> Callable[[], _Result]:
    """Wrap the work of a download, which runs later: it raises NotOwnerError unless the visitor is still the owner."""
    who = current_visitor()

    def checked() -> _Result:
        check_owner(who)
        return work()

    return checked
