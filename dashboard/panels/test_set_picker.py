"""The choice of a test set, its pictures, and a network's answers to it, for the pages that look through one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import streamlit as st

from dashboard.access import roles
from dashboard.access.roles import NotOwnerError
from dashboard.components import query_params
from dashboard.panels import network_choice
from dashboard.presenters import phrases
from dashboard.services import resources, test_set_jobs
from model.datasets.known_folders import add_folder, added_folders, forget_folder
from model.datasets.splits import NAMED_PICTURES, DataError, left_out_note
from model.datasets.test_set import PictureSet
from model.i18n.number_format import integer
from model.i18n.translations import gettext as _
from model.inference.classifier import DEFAULT_ENGINE, engines_of, file_of
from model.registry.card import Card
from model.registry.checksums import no_file

NEWS_SECONDS = 0.3  # between looks at how far a survey is
CIFAR10_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"


def choose_set(folders: dict[str, Path], other: dict[str, str] | None = None) -> str:
    """The name of the chosen folder. other: what else can be chosen, value -> words."""
    shown = {name: name for name in folders} | (other or {})
    return query_params.choose(_("Pictures"), "set", list(shown), shown.__getitem__, width=150)


def choose_engine(card: Card) -> str:
    """The engine to ask; a choice is offered only where there is one. Without any, a sentence, and the page ends."""
    engines = engines_of(card)
    if not engines:
        network_choice.refuse(no_file(card.name, card, file_of(card, DEFAULT_ENGINE)))
    if len(engines) < 2:
        return engines[0]
    return query_params.choose(_("Engine"), "engine", engines, str, switch=True)


def say_how_to_get_data() -> None:
    """What a page says that needs a test set where none is known."""
    st.markdown(
        _(
            "**A test set shows more than one picture can.** Data is a folder with one sub-folder a class, or "
            "[CIFAR-10]({page}): download its version for Python, unpack it, and name the folder "
            "cifar-10-batches-py here. The setting VITRINE_DATA names folders for everybody."
        ).format(page=CIFAR10_PAGE)
    )


def offer_folders(folders: dict[str, Path]) -> None:
    """A field to add a data folder, and buttons that take added ones off the list; for the owner alone."""
    if problem := st.session_state.pop("folder_problem", None):
        st.error(phrases.plain(problem))
    if not roles.is_owner():
        return
    place = st.popover(_("Data folders"), icon=":material/folder:") if folders else st.container(border=True)
    with place:
        if not folders:
            say_how_to_get_data()
        st.text_input(
            _("Add a data folder of this machine"), placeholder="/data/cifar-10-batches-py", key="folder", on_change=add
        )
        added = added_folders()
        for name, path in folders.items():
            if path in added:
                label = _("Take {name} off the list").format(name=phrases.plain(name))
                st.button(label, icon=":material/close:", key=f"forget-{name}", on_click=forget, args=(name,))


def add() -> None:
    text, st.session_state.folder = st.session_state.folder, ""
    try:
        roles.check_owner()
        if text.strip():
            query_params.put(set=add_folder(text))
    except (DataError, NotOwnerError, OSError) as error:
        st.session_state.folder_problem = str(error)


def forget(name: str) -> None:
    try:
        roles.check_owner()
        forget_folder(name)
    except (DataError, NotOwnerError, OSError) as error:
        st.session_state.folder_problem = str(error)


def read(name: str, folder: Path, card: Card) -> PictureSet:
    """The set's pictures at the network's size; where they cannot be had, a sentence, and the page ends there."""
    try:
        with st.spinner(_("Reading the pictures"), show_time=True):
            return resources.testset(name, folder, card.input_shape)
    except DataError as error:
        st.error(phrases.plain(roles.hide_paths(str(error))))
        st.stop()


def say_left_out(pictures: PictureSet) -> None:
    """A warning where files of the set cannot be read: every figure is of the others."""
    broken = pictures.split.broken
    # Whoever looked at the set first may have read another language.
    named = tuple(replace(one, reason=resources.why_broken(one)) for one in broken[:NAMED_PICTURES])
    if said := left_out_note((*named, *broken[NAMED_PICTURES:]), len(pictures)):
        st.warning(phrases.plain(roles.hide_paths(said)))


def ask(name: str, card: Card, engine: str, pictures: PictureSet, wanted: bool = False) -> np.ndarray | None:
    """The network's answers where they are kept; else how far they are, or the button that has them computed.

    wanted: begin without the button, for an address that asks for what only the answers can tell.
    """
    rows = test_set_jobs.cached_predictions(card, engine, pictures)
    if rows is not None:
        return rows
    job = test_set_jobs.find_job(card, engine, pictures)
    if job is None and wanted:
        job = test_set_jobs.start_job(name, card, engine, pictures)
    if job is not None and not job.error:
        follow(job)
    if job is not None:
        st.error(
            _("The pictures could not be answered: {reason}").format(reason=phrases.plain(roles.hide_paths(job.error)))
        )
    st.button(
        _("Ask {network} about all {count} pictures").format(
            network=phrases.plain(f"{name} ({engine})"), count=integer(len(pictures))
        ),
        icon=":material/play_arrow:",
        type="primary",
        key=f"ask-{name}-{engine}",
        help=_("Once a network and test set; the answers are kept"),
        on_click=begin,
        args=(name, card, engine, pictures),
    )
    return None


def say_what_counts(*networks: Card) -> None:
    """What is right where a picture has one true class and a network may say several."""
    if not all(card.exclusive for card in networks):
        st.caption(_("The classes do not exclude each other: here, the likeliest one counts as the answer."))


def begin(name: str, card: Card, engine: str, pictures: PictureSet) -> None:
    test_set_jobs.start_job(name, card, engine, pictures)


def follow(job: test_set_jobs.Job) -> NoReturn:
    """How far a survey is, until it ends; then the page is drawn anew.

    The page waits here instead of being run again and again: Streamlit searches all memory for garbage after each run,
    which would hold up the network that is being loaded.
    """
    place = st.empty()
    while not job.ended.wait(NEWS_SECONDS):
        place.progress(min(job.fraction, 1.0), job.progress())
    st.rerun()
