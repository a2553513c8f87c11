"""The part of the Evaluation page about pictures of none of the classes: does the network recognize them?"""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from dashboard.access import roles
from dashboard.components.plotly_chart import draw
from dashboard.panels import answer_details, network_choice, test_set_picker
from dashboard.panels.results_grid import show_tiles
from dashboard.presenters import known_histogram, phrases
from dashboard.presenters.file_answers import Item
from dashboard.services import resources, stranger_jobs
from dashboard.services.stranger_jobs import StrangerFile
from model.datasets.known_folders import resolve_path
from model.datasets.splits import DataError
from model.evaluation.separation import separate
from model.evaluation.test_set_predictions import PredictedTestSet
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext
from model.images.decoder import MAX_BYTES
from model.registry.card import Card

_STRIP = 12  # pictures


def show_others(survey: PredictedTestSet, model: str, card: Card, engine: str) -> None:
    """Draw the choice of the pictures, then how well the network tells them from those of the test set."""
    st.markdown(_("**Pictures of other things** (out of distribution): does the network know them from its classes?"))
    try:
        key, files = _choose_files()
    except (DataError, OSError) as error:
        st.error(phrases.escape_markdown(str(error)))
        return
    if not files:
        return
    by_known = survey.known is not None
    scores = stranger_jobs.cached_scores(card, engine, by_known, key)
    if scores is None:
        job = stranger_jobs.find_job(card, engine, by_known, key)
        if job is not None and job.error:
            st.error(
                _("The pictures could not be answered: {reason}").format(
                    reason=phrases.escape_markdown(roles.hide_paths(job.error))
                )
            )
        if job is None and not st.session_state.get("stopped"):
            job = stranger_jobs.start_job(model, card, engine, by_known, key, files)
            st.session_state.begun = job
        if job is not None and not job.error:
            test_set_picker.show_progress_until_end(job)
        st.button(
            _("Ask about these pictures"),
            icon=":material/play_arrow:",
            key="ask-others",
            on_click=lambda: _begin(model, card, engine, by_known, key, files),
        )
        return
    _show_separation(survey, scores, files, model, engine)


def _begin(model: str, card: Card, engine: str, by_known: bool, key: str, files: list[StrangerFile]) -> None:
    st.session_state.stopped = False
    st.session_state.begun = stranger_jobs.start_job(model, card, engine, by_known, key, files)


def _choose_files() -> tuple[str, list[StrangerFile]]:
    """A key of the chosen pictures, and the pictures: from a folder of this machine for the owner, or dropped."""
    text = ""
    if roles.is_owner():
        text = st.text_input(
            _("A folder of this machine with pictures of none of the classes"), key="others", placeholder="/data/others"
        )
    dropped = st.file_uploader(
        _("Drop pictures of none of the classes here"),
        accept_multiple_files=True,
        key="others-dropped",
        max_upload_size=MAX_BYTES // 2**20,
    )
    if dropped:
        contents = [(file.name, file.getvalue()) for file in dropped]
        digest = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for _name, content in contents))
        return digest.hexdigest(), [
            StrangerFile(name, lambda content=content: content)  # type: ignore[misc]
            for name, content in contents
        ]
    return stranger_jobs.files_in(resolve_path(text)) if text.strip() else ("", [])


def _show_separation(
    survey: PredictedTestSet, scores: np.ndarray, files: list[StrangerFile], model: str, engine: str
) -> None:
    """Draw the figures, both histograms, and the pictures that look most like the classes."""
    known, readable = survey.known if survey.known is not None else survey.confidence, np.isfinite(scores)
    if not readable.any():
        st.error(_("None of these files is a picture that can be read."))
        return
    found = separate(known, scores[readable])
    with st.container(horizontal=True, gap="medium"):
        st.metric(
            _("AUROC"),
            decimal(found.auroc, 3),
            help=_(
                "How often, of two pictures of which one is of the classes, that one seems more known: 1 is always, "
                "0.5 is chance"
            ),
            width="content",
        )
        st.metric(
            _("others that pass"),
            percentage(found.false_positives),
            help=_("The share of the other pictures that pass where 95 % of the pictures of the classes do"),
            width="content",
        )
        st.metric(_("other pictures"), integer(found.others), width="content")
    if unread := int((~readable).sum()):
        text = ngettext("{count} file could not be read.", "{count} files could not be read.", unread)
        st.caption(text.format(count=integer(unread)))
    st.caption(
        _("By how known each picture is.")
        if survey.known is not None
        else _("By the largest probability: how known its pictures are was not kept, or the network cannot tell.")
    )
    draw(
        known_histogram.known_histogram(known, scores[readable]),
        "others-histogram",
        _("Two histograms: how known the pictures of the classes are, and the other pictures"),
    )
    st.markdown(_("**Other pictures that seem most like the classes**"))
    classifier = network_choice.load_or_stop(model, engine)
    order = [int(place) for place in np.argsort(-np.where(readable, scores, -1.0), kind="stable")[:_STRIP]]
    contents = [(files[place].name, files[place].read()) for place in order if readable[place]]
    items = [Item(name, resources.answer_for(content, classifier), content=content) for name, content in contents]
    opened = show_tiles(items, "others")
    answer_details.show_answer(items[opened], classifier, key="stranger")
