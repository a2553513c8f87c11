"""A picture of a test set that the address names: `?set=cifar10&picture=1234`."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from dashboard.access import roles
from dashboard.components import query_params
from dashboard.presenters import phrases
from dashboard.services import resources
from model.datasets.known_folders import is_cifar10, known_folders
from model.datasets.splits import DataError
from model.i18n.translations import gettext as _
from model.inference.classifier import engines_of
from model.registry.card import Card
from model.signature.shapes import PictureSize

NAMES = ("set", "picture")
CIFAR10_SIDE = 32


@dataclass(frozen=True)
class Opened:
    """A picture's file with its true class."""

    name: str
    content: bytes
    truth: str


def forget_picture() -> None:
    """Take the picture out of the address, and the view that it was opened from."""
    for name in (*NAMES, *query_params.VIEW):
        st.query_params.pop(name, None)


def opened_picture(card: Card) -> Opened | None:
    """The picture that the address names; one that is not there is a sentence on the page."""
    name, number = (st.query_params.get(key, "") for key in NAMES)
    if not name or not number:
        return None
    try:
        with st.spinner(_("Reading the pictures"), show_time=True):  # of the whole set, the first time
            return find_picture(name, number, card.input_shape)
    except DataError as error:
        st.error(phrases.plain(roles.hide_paths(str(error))))
        return None


def opened_engine(card: Card) -> str | None:
    """The engine whose answers the view showed that the picture was opened from; None where the address names none."""
    engine = st.query_params.get("engine", "")
    return engine if engine in engines_of(card) else None


def find_picture(name: str, number: str, size: PictureSize) -> Opened:
    """A picture by its set's name and its place there. Raises DataError."""
    folders = known_folders()
    if name not in folders:
        raise DataError(
            _("there is no test set {name} here; sets: {sets}").format(
                name=repr(name[:60]), sets=", ".join(folders) or _("none")
            )
        )
    folder = folders[name]
    # Here, CIFAR-10's pictures are resized like any other.
    pictures = resources.testset(name, folder, CIFAR10_SIDE if is_cifar10(folder) else size)
    if not number.isascii() or not number.isdecimal() or len(number) > 9 or int(number) >= len(pictures):
        raise DataError(
            _("there is no picture {number} in {name}; its pictures are 0 to {last}").format(
                number=repr(number[:20]), name=name, last=len(pictures) - 1
            )
        )
    return Opened(*pictures.file(int(number)), pictures.truth(int(number)))
