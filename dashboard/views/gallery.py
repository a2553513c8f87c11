"""Browse the sample pictures and whole test sets: the true class beside the prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import streamlit as st

from dashboard.access import roles
from dashboard.components.contact_sheet import Cell
from dashboard.components.css import tile_style
from dashboard.panels import answer_details, network_choice, test_set_browser, test_set_picker
from dashboard.panels.explanation import show_why
from dashboard.panels.test_set_browser import Filter
from dashboard.presenters import phrases
from dashboard.services import resources, test_set_jobs
from model.datasets.cifar10 import CIFAR10_CLASSES
from model.datasets.class_matching import canonical_name
from model.datasets.display_names import class_name
from model.datasets.known_folders import known_folders
from model.datasets.splits import DataError
from model.datasets.test_set import PictureSet, match_labels
from model.evaluation.test_set_predictions import select
from model.i18n.number_format import integer
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext
from model.images.samples import Sample, list_samples
from model.registry.card import Card

SAMPLES = ":samples"


def choose(name: str) -> None:
    """Open a sample."""
    st.query_params["picture"] = name


def show_grid(samples: list[Sample]) -> None:
    """Draw the samples as a grid."""
    pictures = resources.sample_thumbnails()
    st.html(tile_style(pictures, "132px"))
    with st.container(horizontal=True, gap="small"):
        for sample in (one for one in samples if one.css_key in pictures):
            label, name = (
                phrases.escape_markdown(class_name(sample.truth, CIFAR10_CLASSES)),
                phrases.escape_markdown(sample.name),
            )
            st.button(label, key=sample.css_key, help=name, on_click=choose, args=(sample.name,))


def show_samples(model: str) -> None:
    """Draw the samples; one opens above the others."""
    samples = list_samples()
    if not samples:
        st.info(_("There are no sample pictures: the folder sample_images/ is empty."))
        return
    chosen = next((sample for sample in samples if sample.name == st.query_params.get("picture")), None)
    if chosen is None:
        st.markdown(
            _("**{count} photographs with a free licence.** Click one to see what the network makes of it.").format(
                count=len(samples)
            )
        )
    else:
        classifier = network_choice.load_or_stop(model)
        (item,) = answer_details.answer_all([(chosen.name, chosen.path.read_bytes())], classifier)
        truth = canonical_name(chosen.truth, classifier.card.classes)
        answer_details.show_answer(replace(item, truth=truth), classifier)
        show_why(item, classifier)
        st.divider()
    show_grid(samples)
    st.caption(_("Source and licence of each picture: CREDITS.md in the folder sample_images."))


def show_set(model: str, card: Card, engine: str, pictures: PictureSet, wanted: Filter) -> None:
    """Draw the pictures that the filter selects."""
    try:
        labels = match_labels(pictures.split.labels, pictures.classes, card.classes)
    except DataError as error:
        st.caption(
            _("Shown without answers: {reason}").format(reason=phrases.escape_markdown(roles.hide_paths(str(error))))
        )
        show_plain(pictures, wanted)
        return
    rows = test_set_jobs.cached_predictions(card, engine, pictures, wanted.needs_known)
    if rows is not None:
        test_set_picker.say_what_counts(card)
        survey = test_set_jobs.predicted(card, engine, pictures, labels, rows)
        places = select(survey, wanted.question(survey.classes))
        show_page(pictures, places, lambda shown: test_set_browser.answered_cells(pictures, survey, shown))
        return
    above = st.container()
    if not wanted.needs_answers:
        show_plain(pictures, wanted)
    with above:  # last, for it stays there until the answers have been computed
        test_set_picker.predictions_or_progress(model, card, engine, pictures, wanted.needs_answers, wanted.needs_known)


def show_plain(pictures: PictureSet, wanted: Filter) -> None:
    """Draw the pictures of the chosen true class, without predictions."""
    truth = pictures.classes.index(wanted.true) if wanted.true else -1
    places = np.flatnonzero((pictures.split.labels == truth) | (truth < 0))
    show_page(pictures, places, lambda shown: test_set_browser.plain_cells(pictures, shown))


def show_page(pictures: PictureSet, places: np.ndarray, cells: Callable[[np.ndarray], list[Cell]]) -> None:
    """Draw one page of the pictures, and say how many there are."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        text = (
            ngettext("**{count} picture** of {total}", "**{count} pictures** of {total}", len(places))
            if len(places) != len(pictures)
            else ngettext("**{total} picture**", "**{total} pictures**", len(pictures))
        )
        st.markdown(text.format(count=integer(len(places)), total=integer(len(pictures))), width="content")
        shown = places[test_set_browser.choose_page(len(places))]
    if not len(places):
        st.info(_("No picture passes this filter."))
        return
    test_set_browser.show_cells(
        _("Pictures of {name}").format(name=pictures.name), pictures, cells(shown), "gallery-sheet"
    )


folders = known_folders()
with st.container(horizontal=True, vertical_alignment="bottom"):
    source = test_set_picker.choose_set(folders, {SAMPLES: _("Vitrine's samples")}) if folders else SAMPLES
    wanted_place = st.container(horizontal=True, vertical_alignment="bottom", width="content")
    model, card = network_choice.choose_network()
if source == SAMPLES:
    show_samples(model)
    test_set_picker.offer_folders(folders)
else:
    place = st.container()
    test_set_picker.offer_folders(
        folders
    )  # before anything that ends the page: a folder that cannot be read can be taken off
    with place:
        pictures = test_set_picker.read_or_stop(source, folders[source], card)
        test_set_picker.say_left_out(pictures)
    with wanted_place:
        wanted, engine = test_set_browser.choose_filter(pictures.classes, card)
    with place:
        show_set(model, card, engine, pictures, wanted)
