"""The parts of the Evaluation page about one network on a test set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.components import confusion_matrix, query_params
from dashboard.panels import test_set_browser
from dashboard.presenters import reliability_diagram, test_set_figures
from model.datasets.class_matching import canonical_name
from model.datasets.display_names import class_name
from model.datasets.test_set import PictureSet
from model.evaluation.metrics import (
    class_metrics,
    confident_mistakes,
    label_errors,
    most_confused,
    reliability_bins,
    wilson_interval,
    worst_first,
)
from model.evaluation.scores import Evaluation
from model.evaluation.test_set_predictions import PredictedTestSet, PredictionFilter, select
from model.i18n.number_format import integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext

_MOST_CLASSES = 30  # in a chart; the table has them all
STRIP = 18  # pictures
_COUNTS = {"counts": marked("Counts"), "shares": marked("Shares of the row, %")}


def show_metrics(found: Evaluation) -> None:
    """Draw the accuracy with its interval, the calibration error, and the number of pictures."""
    low, high = wilson_interval(round(found.accuracy * found.n), found.n)
    with st.container(horizontal=True, gap="medium"):
        st.metric(
            _("accuracy"),
            percentage(found.accuracy),
            help=_(
                "The share that is right. So many pictures place it between {low} and {high}, in 95 of 100 cases."
            ).format(low=percentage(low), high=percentage(high)),
            width="content",
        )
        st.metric(_("95 % interval"), f"{percentage(low)} – {percentage(high)}", width="content")
        st.metric(
            _("calibration error"),
            percentage(found.ece),
            help=_("By how much the network is surer, or less sure, than it is right, on average over the pictures"),
            width="content",
        )
        st.metric(_("pictures"), integer(found.n), width="content")


def show_as_table(key: str, table: Callable[[], pd.DataFrame], alt: str, shares: tuple[str, ...] = ()) -> None:
    """Draw a chart's numbers as a table when it is opened."""
    twin = st.expander(_("As a table"), key=f"twin-{key}", on_change="rerun")
    if twin.open:
        columns = {name: st.column_config.NumberColumn(format="percent") for name in shares}
        twin.dataframe(table(), hide_index=True, column_config=columns, alt=alt)


def show_confusion(found: Evaluation, survey: PredictedTestSet) -> None:
    """Draw the confusion matrix; cells are chosen by a click or with the two lists below it."""
    st.markdown(_("**Confusion matrix**: rows are true classes, columns predicted classes"))
    confusion, labels = np.array(found.confusion), [class_name(label, survey.classes) for label in survey.classes]
    kind = query_params.choose(
        _("Numbers"), "cells", list(_COUNTS), lambda name: _(_COUNTS[name]), switch=True, named=False
    )
    places = most_confused(confusion, _MOST_CLASSES)
    cells = confusion_matrix.cells(confusion, survey.classes, places, kind == "shares", _chosen_cell(survey))

    def choose(true: int, answer: int) -> None:
        query_params.write(true=survey.classes[true], answer=survey.classes[answer])

    confusion_matrix.show_matrix([labels[place] for place in places], cells, "confusion", choose)
    if len(places) == len(labels):
        return
    st.caption(
        _("The {count} classes with the most mistakes; the table has all {all}.").format(
            count=len(places), all=len(labels)
        )
    )

    def table() -> pd.DataFrame:
        with np.errstate(invalid="ignore"):  # a class without a picture has no shares
            rows = confusion / confusion.sum(axis=1, keepdims=True) if kind == "shares" else confusion
        return pd.DataFrame(rows, columns=labels).assign(**{_("true class"): labels}).set_index(_("true class"))

    show_as_table(
        "confusion",
        lambda: table().reset_index(),
        _("Pictures by true class (row) and answer (column)"),
        tuple(labels) if kind == "shares" else (),
    )


def _chosen_cell(survey: PredictedTestSet) -> tuple[int, int]:
    """Return the indices of the true and the predicted class in the address, -1 for any."""
    question = test_set_browser.Filter(
        query_params.read("true", ["", *survey.classes]), query_params.read("answer", ["", *survey.classes])
    ).question(survey.classes)
    return question.true, question.predicted


def show_cell(survey: PredictedTestSet, pictures: PictureSet) -> None:
    """Draw the pictures of the chosen cell, and a link to all of them."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.markdown(_("**Pictures of a cell**: click one, or choose"), width="content")
        test_set_browser.choose_classes(survey.classes, survey.classes, width=150)
    true, answer = _chosen_cell(survey)
    if true < 0 and answer < 0:
        return
    places = select(survey, PredictionFilter(true=true, predicted=answer, order="most sure"))
    text = ngettext("{count} picture, the surest first", "{count} pictures, the surest first", len(places))
    _show_strip(text.format(count=integer(len(places))), "cell", survey, pictures, places)
    if len(places) > STRIP:
        _link_to_gallery(
            pictures,
            _("All of them in the gallery"),
            true=canonical_name(_given("true"), pictures.classes),  # the gallery offers the set's classes
            answer=_given("answer"),
            sort="most sure",
        )


def _given(name: str) -> str:
    return str(st.query_params.get(name, ""))


def _show_strip(title: str, key: str, survey: PredictedTestSet, pictures: PictureSet, places: np.ndarray) -> None:
    """Draw the first of some pictures below a line of text."""
    st.caption(title)
    cells = test_set_browser.answered_cells(pictures, survey, places[:STRIP])
    if cells:
        test_set_browser.show_cells(title, pictures, cells, f"strip-{key}")


def _link_to_gallery(pictures: PictureSet, label: str, **values: str) -> None:
    st.page_link(
        "views/gallery.py",
        label=label,
        icon=":material/photo_library:",
        query_params=query_params.query(("engine",), set=pictures.name, **values),
    )


def show_reliability(survey: PredictedTestSet) -> None:
    """Draw whether the network is right as often as it is sure."""
    st.markdown(_("**Calibration**: is it right as often as it is sure?"))
    bins = reliability_bins(survey.probabilities, survey.split.labels)
    reliability_diagram.show_reliability(bins, "reliability")

    def table() -> pd.DataFrame:
        rows = [(one.low, one.high, one.count, one.confidence, one.accuracy) for one in bins]
        return pd.DataFrame(rows, columns=[_("from"), _("to"), _("pictures"), _("sure on average"), _("right")])

    show_as_table(
        "reliability",
        table,
        _("Each range of confidence with its share of right answers"),
        (_("from"), _("to"), _("sure on average"), _("right")),
    )


def show_classes(found: Evaluation, survey: PredictedTestSet) -> None:
    """Draw precision, recall and F1 of each class, the worst first."""
    st.markdown(_("**Class by class, the worst first** (bar: F1)"))
    each, labels = (
        class_metrics(np.array(found.confusion), survey.classes),
        [class_name(label, survey.classes) for label in survey.classes],
    )
    order = worst_first(each)
    shown = order[:_MOST_CLASSES]
    st.html(test_set_figures.class_bars([each[place] for place in shown], labels, shown))
    if shown == order:
        return
    st.caption(_("The {count} worst; the table has all {all}.").format(count=len(shown), all=integer(len(order))))

    def table() -> pd.DataFrame:
        rows = [
            (labels[place], one.precision, one.recall, one.f1, one.support) for place in order for one in [each[place]]
        ]
        return pd.DataFrame(rows, columns=[_("class"), _("precision"), _("recall"), "F1", _("pictures")])

    show_as_table("classes", table, _("Each class's figures"), (_("precision"), _("recall"), "F1"))


def show_mistakes(survey: PredictedTestSet, pictures: PictureSet) -> None:
    """Draw the most confident mistakes, and pictures whose labels are probably wrong."""
    probabilities, labels = survey.probabilities, survey.split.labels
    wrong, doubtful = confident_mistakes(probabilities, labels), label_errors(probabilities, labels)
    st.markdown(_("**Its surest mistakes**"))
    text = ngettext("{count} mistake in all", "{count} mistakes in all", len(wrong)).format(count=integer(len(wrong)))
    _show_strip(text, "mistakes", survey, pictures, wrong)
    if len(wrong) > STRIP:
        _link_to_gallery(pictures, _("All mistakes in the gallery"), verdict="wrong", sort="most sure")
    st.markdown(_("**Labels that are probably wrong**"))
    text = ngettext(
        "{count} picture whose label the network doubts for good reason (confident learning). Only sound for pictures "
        "that it was not trained on: look for yourself.",
        "{count} pictures whose label the network doubts for good reason (confident learning). Only sound for pictures "
        "that it was not trained on: look for yourself.",
        len(doubtful),
    )
    _show_strip(text.format(count=integer(len(doubtful))), "doubtful", survey, pictures, doubtful)
