"""What whoever is at the page may do: the owner everything, a visitor only look and try. Every change asks here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import streamlit as st

from dashboard.access.sign_in import COOKIE
from dashboard.access.visitors import MARK, OTHER, Visitor
from model.common.errors import BundleError
from model.common.paths import home
from model.datasets.known_folders import known_folders
from model.datasets.splits import utf8_name
from model.i18n.translations import gettext as _

PROGRAM = Path(__file__).parent.parent.parent
Result = TypeVar("Result")


class NotOwnerError(BundleError):
    """Something that only the owner may do; the message says so."""


def visitor() -> Visitor:
    """Who is at the page that is being drawn, as its connection says now; one without any has no standing."""
    return Visitor(st.context.headers.get(MARK, OTHER), st.context.cookies.get(COOKIE, ""))


def is_owner() -> bool:
    """Whether whoever is at the page may change things, and see what others asked."""
    return visitor().owner


def told(text: str) -> str:
    """A sentence as whoever is at the page may read it: where things lie on this machine is for the owner alone.

    Others read a data folder's name in the place of its path, and Vitrine's own folders without those above them.
    """
    if is_owner():
        return text
    places = {utf8_name(str(path)): name for name, path in known_folders().items()}
    places |= {f"{folder.parent}{os.sep}": "" for folder in (home().resolve(), PROGRAM)}
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return text


def check(who: Visitor | None = None) -> None:
    """Let the owner pass; before every change, for a button may have been drawn for somebody who was one then.

    who: whoever is at the page, unless another is given. Raises NotOwnerError.
    """
    if not (who or visitor()).owner:
        raise NotOwnerError(_("Only the owner can do that. Visitors look and try; nothing was changed."))


def for_owner(work: Callable[[], Result]) -> Callable[[], Result]:
    """`work` for a download, which runs later and outside of any page: only if who was offered it is the owner still.

    It raises NotOwnerError otherwise.
    """
    who = visitor()

    def checked() -> Result:
        check(who)
        return work()

    return checked
