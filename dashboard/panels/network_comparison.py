"""The parts of the Evaluation page that compare two networks, or two engines of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.access import roles
from dashboard.components import query_params
from dashboard.components.contact_sheet import Cell
from dashboard.components.plotly_chart import draw
from dashboard.panels import test_set_browser
from dashboard.panels.evaluation_report import STRIP, show_as_table
from dashboard.presenters import model_text, phrases, test_set_figures
from dashboard.services import resources
from model.common.errors import BundleError
from model.datasets.display_names import class_name
from model.datasets.test_set import PictureSet
from model.evaluation.metrics import wilson_interval
from model.evaluation.paired_test import Disagreement, PairedTest, count_changes, disagreements
from model.evaluation.scores import Evaluation, score
from model.evaluation.test_set_predictions import PredictedTestSet
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from model.inference.classifier import engines_of, file_of
from model.registry.card import Card
from model.registry.resolution import bundle_folders

_CLEAR = 0.05  # a chance below it is hardly one
_KINDS = {
    "lost": marked("Only the first is right"),
    "won": marked("Only the second is right"),
    "other": marked("Both are wrong"),
}


def choose_other(name: str, engine: str) -> tuple[str, str] | None:
    """Return the network and engine to compare with, or None."""
    pairs = [f"{other}:{its}" for other in bundle_folders() for its in _engines_named(other)]
    others = ["", *(pair for pair in pairs if pair != f"{name}:{engine}")]
    chosen = query_params.choose(_("Compare with"), "with", others, _title, width=190)
    other, _colon, its = chosen.rpartition(":")
    return (other, its) if chosen else None


def _engines_named(name: str) -> list[str]:
    try:
        return engines_of(resources.card(name))
    except BundleError:  # the page Models says what is wrong with it
        return []


def _title(pair: str) -> str:
    name, _colon, engine = pair.rpartition(":")
    return f"{name} ({engine})" if pair else _("nothing")


def _show_verdict(names: tuple[str, str], counted: PairedTest) -> None:
    """Say in words whether the change from the first to the second is significant."""
    st.markdown(phrases.escape_markdown(describe_change(names, counted)))


def describe_change(names: tuple[str, str], counted: PairedTest) -> str:
    """Return one or two sentences on what a second network does with the same pictures."""
    first, second = names
    if not counted.different:
        return _("{second} gives every one of the {count} pictures the same class as {first}.").format(
            first=first, second=second, count=integer(counted.n)
        )
    text = ngettext(
        "{second} answers {count} of {n} pictures ({share}) otherwise than {first}: {won} it puts right, {lost} it "
        "gets wrong, {other} are wrong either way.",
        "{second} answers {count} of {n} pictures ({share}) otherwise than {first}: {won} it puts right, {lost} it "
        "gets wrong, {other} are wrong either way.",
        counted.different,
    ).format(
        first=first,
        second=second,
        count=integer(counted.different),
        n=integer(counted.n),
        share=percentage(counted.different / counted.n),
        won=counted.won,
        lost=counted.lost,
        other=counted.other,
    )
    if counted.p_value < _CLEAR:
        better = second if counted.won > counted.lost else first
        return f"{text} " + _("{better} is better: chance alone would hardly make such a difference.").format(
            better=better
        )
    return f"{text} " + _("Such a difference may well be chance: these pictures do not tell which one is better.")


def _table_of(
    names: Sequence[str],
    cards_of: Sequence[Card],
    engines: Sequence[str],
    found: Sequence[Evaluation],
    speeds: Sequence[float],
) -> pd.DataFrame:
    """Return both side by side, a row for each figure."""
    rows: dict[str, list[str]] = {
        _("accuracy"): [percentage(one.accuracy) for one in found],
        _("95 % interval"): [
            f"{percentage(low)} – {percentage(high)}"
            for one in found
            for low, high in [wilson_interval(round(one.accuracy * one.n), one.n)]
        ],
        _("calibration error"): [percentage(one.ece) for one in found],
        _("file"): [
            model_text.megabytes(card.files[file_of(card, engine)].bytes)
            for card, engine in zip(cards_of, engines, strict=True)
        ],
    }
    if speeds:
        rows[_("a picture takes")] = [f"{decimal(speed, 2)} ms" for speed in speeds]
    return pd.DataFrame(rows, index=pd.Index(names, name="")).T.rename_axis("").reset_index()


def _show_sides(names: tuple[str, str], sides: Sequence[tuple[str, Card, str]], found: Sequence[Evaluation]) -> None:
    """Draw the table; speed is measured on request, because that loads both networks."""
    pairs = tuple((name, engine) for name, _card, engine in sides)
    speeds = resources.known_speeds(pairs)
    st.dataframe(
        _table_of(names, [card for _name, card, _engine in sides], [engine for _name, engine in pairs], found, speeds),
        hide_index=True,
        alt=_("The two networks side by side"),
    )
    if not speeds and st.button(_("Measure their speed"), icon=":material/speed:", key="measure"):
        try:
            with st.spinner(_("Loading both networks and asking them in turns")):
                resources.measure_speeds(pairs)
        except BundleError as error:
            st.error(phrases.escape_markdown(roles.hide_paths(str(error))))
            return
        st.rerun()


def _show_gains(first: Evaluation, second: Evaluation, classes: tuple[str, ...]) -> None:
    """Draw for each class how much more of its pictures the second network gets right."""
    st.markdown(_("**Gained and lost, class by class** (points of recall)"))
    gains = {name: second.per_class[name] - share for name, share in first.per_class.items()}
    order = sorted(gains, key=gains.__getitem__)
    shown = order if len(order) <= 20 else [*order[:10], *order[-10:]]
    chart = test_set_figures.gain_chart(
        [class_name(name, classes) for name in shown],
        [gains[name] for name in shown],
        [classes.index(name) for name in shown],
    )
    draw(
        chart,
        key="gains",
        alt=_("A bar a class: how much more of its pictures the second network gets right"),
    )
    if len(shown) < len(order):
        text = _("The {count} that lose or gain most; the table has all {all}.")
        st.caption(text.format(count=len(shown), all=integer(len(order))))

    def table() -> pd.DataFrame:
        rows = [
            (class_name(name, classes), first.per_class[name], second.per_class[name], gains[name]) for name in order
        ]
        return pd.DataFrame(rows, columns=[_("class"), _("first"), _("second"), _("gained")])

    show_as_table("gains", table, _("Recall of each class by both networks"), (_("first"), _("second"), _("gained")))


def _show_disagreements(disagreed: list[Disagreement], pictures: PictureSet, classes: tuple[str, ...]) -> None:
    """Draw the pictures with different answers, one kind at a time."""
    kinds = {
        "lost": [one for one in disagreed if one.first.label == one.label],
        "won": [one for one in disagreed if one.second.label == one.label],
        "other": [one for one in disagreed if one.label not in (one.first.label, one.second.label)],
    }
    kind = query_params.choose(
        _("Where they disagree"),
        "kind",
        list(kinds),
        lambda name: f"{_(_KINDS[name])} ({integer(len(kinds[name]))})",
        switch=True,
    )
    pages = max(1, -(-len(kinds[kind]) // STRIP))
    page = query_params.choose_page(pages)
    cells = [_disagreed_cell(one, pictures, classes) for one in kinds[kind][(page - 1) * STRIP : page * STRIP]]
    if cells:
        test_set_browser.show_cells(_(_KINDS[kind]), pictures, cells, "strip-disagreed")
    else:
        st.caption(_("There is no such picture."))


def _disagreed_cell(one: Disagreement, pictures: PictureSet, classes: tuple[str, ...]) -> Cell:
    lines = (
        f"1: {class_name(one.first.label, classes)}",
        f"2: {class_name(one.second.label, classes)}",
        _("is {label}").format(label=class_name(one.label, classes)),
    )
    return test_set_browser.cell(pictures, one.index, lines)


def show_comparison(
    names: tuple[str, str],
    sides: Sequence[tuple[str, Card, str]],
    first: PredictedTestSet,
    second: np.ndarray,
    pictures: PictureSet,
) -> None:
    """Draw everything about two networks."""
    labels, classes = first.split.labels, first.classes
    found = [score(rows, labels, classes) for rows in (first.probabilities, second)]
    disagreed = disagreements(first.probabilities, second, labels, classes)
    _show_verdict(names, count_changes(disagreed, len(first)))
    left, right = st.columns(2, gap="medium")
    with left:
        _show_sides(names, sides, found)
    with right:
        _show_gains(found[0], found[1], classes)
    _show_disagreements(disagreed, pictures, first.classes)
