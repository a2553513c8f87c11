"""Evaluate a network on a whole test set: how good it is, where it fails, and what another one does better."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.access import roles
from dashboard.panels import evaluation_report, network_choice, network_comparison, other_pictures, test_set_picker
from dashboard.presenters import phrases
from dashboard.services import resources, test_set_jobs
from model.common.errors import BundleError
from model.datasets.class_matching import match_classes
from model.datasets.image_folder import folder_name
from model.datasets.known_folders import known_folders
from model.datasets.splits import DataError, absent_classes_note
from model.datasets.test_set import PictureSet, flattery_note, match_labels
from model.evaluation.scores import Evaluation, check_class_count, score
from model.evaluation.test_set_predictions import PredictedTestSet
from model.i18n.translations import gettext as _
from model.registry.card import Card


def matched(pictures: PictureSet, card: Card) -> np.ndarray:
    """Return the set's labels in the network's classes; if they do not fit, say so and stop the page."""
    try:
        check_class_count(card.classes)
        return match_labels(pictures.split.labels, pictures.classes, card.classes)
    except DataError as error:
        said = _("{name} cannot be used here: {reason}").format(name=pictures.name, reason=error)
        st.error(phrases.escape_markdown(roles.hide_paths(said)))
        st.stop()


def say_where_trained(pictures: PictureSet, *networks: Card) -> None:
    """Warn if a network was trained on some of the pictures, or chosen by them."""
    folder = known_folders().get(pictures.name)
    if folder is None:  # it has been taken off the list just now
        return
    for card in {card.name: card for card in networks if card.dataset == folder_name(folder)}.values():
        if said := flattery_note(phrases.escape_markdown(card.name), folder):
            st.warning(said)


def show_one(survey: PredictedTestSet, pictures: PictureSet, model: str, card: Card, engine: str) -> None:
    """Draw one network: figures, confusion and calibration, classes, mistakes, pictures of other things."""
    say_where_trained(pictures, card)
    test_set_picker.say_what_counts(card)
    found = score(survey.probabilities, survey.split.labels, survey.classes)
    evaluation_report.show_metrics(found)
    show_cells(found, survey, pictures)
    evaluation_report.show_classes(found, survey)
    evaluation_report.show_mistakes(survey, pictures)
    other_pictures.show_others(survey, model, card, engine)


@st.fragment
def show_cells(found: Evaluation, survey: PredictedTestSet, pictures: PictureSet) -> None:
    """Draw the confusion matrix with the pictures of a cell; choosing another cell redraws only this part."""
    left, right = st.columns(2, gap="medium")
    with left:
        evaluation_report.show_confusion(found, survey)
    with right:
        evaluation_report.show_reliability(survey)
    evaluation_report.show_cell(survey, pictures)


def show_two(
    first: PredictedTestSet, pictures: PictureSet, model: str, card: Card, engine: str, other: tuple[str, str]
) -> None:
    """Draw two networks side by side, once the second has predictions as well."""
    try:
        their_card = resources.card(other[0])
    except BundleError as error:
        network_choice.stop_with_error(error)
    order = match_classes(card.classes, their_card.classes)
    if sorted(order) != list(range(len(their_card.classes))):
        st.error(
            _("{first} and {second} cannot be compared: they do not know the same classes").format(
                first=phrases.escape_markdown(model), second=phrases.escape_markdown(other[0])
            )
        )
        return
    theirs = test_set_picker.read_or_stop(source, folders[source], their_card)
    if len(theirs) != len(pictures):
        text = _("The pictures of {name} changed while they were read: load the page again.")
        st.error(phrases.escape_markdown(text.format(name=source)))
        return
    rows = test_set_picker.predictions_or_progress(other[0], their_card, other[1], theirs)
    if rows is not None:
        rows = rows[:, order]
        say_where_trained(pictures, card, their_card)
        test_set_picker.say_what_counts(card, their_card)
        names = (f"{model} ({engine})", f"{other[0]} ({other[1]})")
        network_comparison.show_comparison(
            names, ((model, card, engine), (other[0], their_card, other[1])), first, rows, pictures
        )


folders = known_folders()
if not folders:
    network_choice.choose_network()
    if not roles.is_owner():
        st.info(_("There is no test set here to evaluate a network on."))
    test_set_picker.offer_folders(folders)
    st.stop()
with st.container(horizontal=True, vertical_alignment="bottom"):
    source = test_set_picker.choose_set(folders)
    place = st.container(horizontal=True, vertical_alignment="bottom", width="content")
    model, card = network_choice.choose_network()
with place:
    engine = test_set_picker.choose_engine(card)
    other = network_comparison.choose_other(model, engine)
body = st.container()
test_set_picker.offer_folders(
    folders
)  # before anything that ends the page: a folder that cannot be read can be taken off
with body:
    pictures = test_set_picker.read_or_stop(source, folders[source], card)
    test_set_picker.say_left_out(pictures)
    labels = matched(pictures, card)
    if missing := absent_classes_note(labels, card.classes):
        st.caption(phrases.escape_markdown(f"{missing[:1].upper()}{missing[1:]}."))
    rows = test_set_picker.predictions_or_progress(model, card, engine, pictures)
    if rows is not None:
        survey = test_set_jobs.predicted(card, engine, pictures, labels, rows)
        if other is None:
            show_one(survey, pictures, model, card, engine)
        else:
            show_two(survey, pictures, model, card, engine, other)
