"""A picture of a test set in the address: `?set=cifar10&picture=1234`."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard.access import roles
from dashboard.components import query_params
from dashboard.presenters import phrases
from dashboard.services import resources
from model.datasets.known_folders import known_folders
from model.datasets.splits import DataError
from model.i18n.translations import gettext as _
from model.inference.classifier import engines_of
from model.registry.card import Card

_NAMES = ("set", "picture")


@dataclass(frozen=True)
class Opened:
    """A picture's file with its true class."""

    name: str
    content: bytes
    truth: str


def forget_picture() -> None:
    """Remove the picture, and the view it was opened from, from the address."""
    for name in (*_NAMES, *query_params.VIEW):
        st.query_params.pop(name, None)


def opened_picture() -> Opened | None:
    """Return the picture in the address; if there is no such picture, say so."""
    name, number = (st.query_params.get(key, "") for key in _NAMES)
    if not name or not number:
        return None
    try:
        with st.spinner(_("Reading the pictures"), show_time=True):  # of the whole set, the first time
            return _find_picture(name, number)
    except DataError as error:
        st.error(phrases.escape_markdown(roles.hide_paths(str(error))))
        return None


def opened_engine(card: Card) -> str | None:
    """Return the engine of the view the picture was opened from, or None."""
    engine = st.query_params.get("engine", "")
    return engine if engine in engines_of(card) else None


def _find_picture(name: str, number: str) -> Opened:
    """Return a picture by the name of its set and its index. Raises DataError."""
    folders = known_folders()
    if name not in folders:
        raise DataError(
            _("there is no test set {name} here; sets: {sets}").format(
                name=repr(name[:60]), sets=", ".join(folders) or _("none")
            )
        )
    folder = folders[name]
    pictures = resources.test_set_of_any_size(name, folder)
    if not number.isascii() or not number.isdecimal() or len(number) > 9 or int(number) >= len(pictures):
        raise DataError(
            _("there is no picture {number} in {name}; its pictures are 0 to {last}").format(
                number=repr(number[:20]), name=name, last=len(pictures) - 1
            )
        )
    return Opened(*pictures.file(int(number)), pictures.truth(int(number)))
