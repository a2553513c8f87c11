"""The choice of a test set, its pictures, and a network's predictions for it."""

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
from dashboard.services.jobs import Job
from model.datasets.known_folders import add_folder, added_folders, forget_folder
from model.datasets.splits import NAMED_PICTURES, DataError, left_out_note
from model.datasets.test_set import PictureSet
from model.i18n.number_format import integer
from model.i18n.translations import gettext as _
from model.inference.classifier import DEFAULT_ENGINE, engines_of, file_of
from model.registry.card import Card
from model.registry.checksums import missing_file_error

_NEWS_SECONDS = 0.3  # between looks at how far a survey is
_CIFAR10_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"


def choose_set(folders: dict[str, Path], other: dict[str, str] | None = None) -> str:
    """Return the name of the chosen folder."""
    shown = {name: name for name in folders} | (other or {})
    return query_params.choose(_("Pictures"), "set", list(shown), shown.__getitem__, width=150)


def choose_engine(card: Card) -> str:
    """Return the engine to use; there is a widget only if there is a choice. Without any, say so and stop the page."""
    engines = engines_of(card)
    if not engines:
        network_choice.stop_with_error(missing_file_error(card.name, card, file_of(card, DEFAULT_ENGINE)))
    if len(engines) < 2:
        return engines[0]
    return query_params.choose(_("Engine"), "engine", engines, str, switch=True)


def _say_how_to_get_data() -> None:
    """Say how to get a test set if none is known."""
    st.markdown(
        _(
            "**A test set shows more than one picture can.** Data is a folder with one sub-folder a class, or "
            "[CIFAR-10]({page}): download its version for Python, unpack it, and name the folder "
            "cifar-10-batches-py here. The setting VITRINE_DATA names folders for everybody."
        ).format(page=_CIFAR10_PAGE)
    )


def offer_folders(folders: dict[str, Path]) -> None:
    """Draw a field to add a data folder, and buttons that remove added ones; for the owner only."""
    if problem := st.session_state.pop("folder_problem", None):
        st.error(phrases.escape_markdown(problem))
    if not roles.is_owner():
        return
    place = st.popover(_("Data folders"), icon=":material/folder:") if folders else st.container(border=True)
    with place:
        if not folders:
            _say_how_to_get_data()
        st.text_input(
            _("Add a data folder of this machine"),
            placeholder="/data/cifar-10-batches-py",
            key="folder",
            on_change=_add,
        )
        added = added_folders()
        for name, path in folders.items():
            if path in added:
                label = _("Take {name} off the list").format(name=phrases.escape_markdown(name))
                st.button(label, icon=":material/close:", key=f"forget-{name}", on_click=_forget, args=(name,))


def _add() -> None:
    text, st.session_state.folder = st.session_state.folder, ""
    try:
        roles.check_owner()
        if text.strip():
            query_params.write(set=add_folder(text))
    except (DataError, NotOwnerError, OSError) as error:
        st.session_state.folder_problem = str(error)


def _forget(name: str) -> None:
    try:
        roles.check_owner()
        forget_folder(name)
    except (DataError, NotOwnerError, OSError) as error:
        st.session_state.folder_problem = str(error)


def read_or_stop(name: str, folder: Path, card: Card) -> PictureSet:
    """Return the set's pictures at the network's size; if they cannot be read, say why and stop the page."""
    try:
        with st.spinner(_("Reading the pictures"), show_time=True):
            return resources.test_set(name, folder, card.input_shape)
    except DataError as error:
        st.error(phrases.escape_markdown(roles.hide_paths(str(error))))
        st.stop()


def say_left_out(pictures: PictureSet) -> None:
    """Warn if files of the set cannot be read: all figures are about the others."""
    broken = pictures.split.broken
    # Whoever looked at the set first may have read another language.
    named = tuple(replace(one, reason=resources.broken_reason(one)) for one in broken[:NAMED_PICTURES])
    if said := left_out_note((*named, *broken[NAMED_PICTURES:]), len(pictures)):
        st.warning(phrases.escape_markdown(roles.hide_paths(said)))


def predictions_or_progress(
    name: str, card: Card, engine: str, pictures: PictureSet, wanted: bool = False, with_known: bool = False
) -> np.ndarray | None:
    """Return the saved predictions; if there are none, draw the progress, or the button that starts them."""
    rows = test_set_jobs.cached_predictions(card, engine, pictures, with_known)
    if rows is not None:
        return rows
    job = test_set_jobs.find_job(card, engine, pictures)
    if job is None and wanted and not st.session_state.get("stopped"):
        start_predictions(name, card, engine, pictures)
        job = test_set_jobs.find_job(card, engine, pictures)
    if job is not None and not job.error:
        show_progress_until_end(job)
    if job is not None:
        st.error(
            _("The pictures could not be answered: {reason}").format(
                reason=phrases.escape_markdown(roles.hide_paths(job.error))
            )
        )
    st.button(
        _("Ask {network} about all {count} pictures").format(
            network=phrases.escape_markdown(f"{name} ({engine})"), count=integer(len(pictures))
        ),
        icon=":material/play_arrow:",
        type="primary",
        key=f"ask-{name}-{engine}",
        help=_("Once a network and test set; the answers are kept"),
        on_click=start_predictions,
        args=(name, card, engine, pictures),
    )
    return None


def say_what_counts(*networks: Card) -> None:
    """Say what counts as right if a network may predict several classes."""
    if not all(card.exclusive for card in networks):
        st.caption(_("The classes do not exclude each other: here, the likeliest one counts as the answer."))


def start_predictions(name: str, card: Card, engine: str, pictures: PictureSet) -> None:
    """Start to compute the predictions."""
    st.session_state.stopped = False
    st.session_state.begun = test_set_jobs.start_job(name, card, engine, pictures)


def stop_predictions(job: Job) -> None:
    """Stop computing them."""
    st.session_state.stopped = True  # an address that asks for the answers does not begin again by itself
    job.cancelled.set()


def show_progress_until_end(job: Job) -> NoReturn:
    """Draw the progress of a job until it ends, then draw the page again.

    The page waits here instead of being run again and again: Streamlit collects garbage after each run, which would
    slow down the loading of the network. The visitor who started the job, and the owner, can stop it.
    """
    place = st.empty()
    if st.session_state.get("begun") is job or roles.is_owner():
        st.button(_("Stop"), icon=":material/stop:", key="stop-job", on_click=stop_predictions, args=(job,))
    while not job.ended.wait(_NEWS_SECONDS):
        place.progress(job.fraction, job.progress())
    st.rerun()
