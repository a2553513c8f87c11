"""Looking through a test set: the filter, which lives in the address, and the pictures it lets through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import streamlit as st

from dashboard.components import query_params
from dashboard.components.contact_sheet import Cell, show_sheet, small_url
from dashboard.panels import test_set_picker
from dashboard.presenters import phrases
from model.datasets.class_matching import match_classes
from model.datasets.display_names import class_name
from model.datasets.test_set import PictureSet
from model.evaluation.test_set_predictions import ORDERS, VERDICTS, PredictedTestSet, PredictionFilter
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.registry.card import Card

PAGE = 60  # pictures
VERDICT_WORDS = dict(zip(VERDICTS, (marked("All"), marked("Right"), marked("Wrong")), strict=True))
ORDER_WORDS = dict(
    zip(
        ORDERS,
        (
            marked("as they lie in the set"),
            marked("least sure first"),
            marked("most sure first"),
            marked("highest loss first"),
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class Filter:
    """What the address asks for; true and answer: classes by name, empty for any; least and most: per cent."""

    true: str = ""
    answer: str = ""
    verdict: str = VERDICTS[0]
    least: int = 0
    most: int = 100
    order: str = ORDERS[0]

    @property
    def needs_answers(self) -> bool:
        """Whether only the network's answers can tell which pictures are meant, and in what order."""
        return self != Filter(true=self.true)

    def question(self, known: tuple[str, ...]) -> PredictionFilter:
        """The same for a survey; known: the network's classes."""
        true, answer = match_classes((self.true, self.answer), known)
        return PredictionFilter(true, answer, self.verdict, self.least / 100, self.most / 100, self.order)


def choose_filter(classes: tuple[str, ...], card: Card) -> tuple[Filter, str]:
    """The widgets of the filter, and the engine that is asked; classes: the set's."""
    verdict = query_params.choose(_("Verdict"), "verdict", VERDICTS, lambda name: _(VERDICT_WORDS[name]), switch=True)
    order = query_params.choose(_("Order"), "sort", ORDERS, lambda name: _(ORDER_WORDS[name]), width=200)
    with st.popover(_("Filter"), icon=":material/filter_alt:"):
        true, answer = choose_classes(classes, card.classes)
        least, most = query_params.choose_range(_("How sure the network is"), "sure", 100, "%d%%")
        engine = test_set_picker.choose_engine(card)
    return Filter(true, answer, verdict, least, most, order), engine


def choose_classes(
    classes: tuple[str, ...], known: tuple[str, ...], width: int | Literal["stretch"] = "stretch"
) -> tuple[str, str]:
    """The true class and the answer, by name; empty for any."""

    def shown(among: tuple[str, ...]) -> Callable[[str], str]:
        return lambda label: class_name(label, among) if label else _("any")

    true = query_params.choose(_("True class"), "true", ["", *classes], shown(classes), width=width)
    return true, query_params.choose(_("Answer"), "answer", ["", *known], shown(known), width=width)


def choose_page(count: int) -> slice:
    """The part of `count` pictures that is shown."""
    page = query_params.choose_page(max(1, -(-count // PAGE)))
    return slice((page - 1) * PAGE, page * PAGE)


def plain_cells(pictures: PictureSet, places: np.ndarray) -> list[Cell]:
    """The pictures with their true class, before a network has been asked."""
    return [cell(pictures, place, (class_name(pictures.truth(place), pictures.classes),)) for place in places.tolist()]


def answered_cells(pictures: PictureSet, survey: PredictedTestSet, places: np.ndarray) -> list[Cell]:
    """The pictures with the network's answer, how sure it is, and the true class where that is another."""
    cells = []
    predicted, confidence = survey.predicted, survey.confidence
    for place in places.tolist():
        right = predicted[place] == survey.split.labels[place]
        truth = survey.classes[int(survey.split.labels[place])]
        sure = phrases.percent(float(confidence[place]))
        said = f"{'✓' if right else '✗'} {class_name(survey.classes[predicted[place]], survey.classes)}"
        lines = (said,) if right else (said, _("is {label}").format(label=class_name(truth, survey.classes)))
        cells.append(cell(pictures, place, lines, "right" if right else "wrong", sure))
    return cells


def cell(pictures: PictureSet, place: int, lines: tuple[str, ...], verdict: str = "", badge: str = "") -> Cell:
    return Cell(
        place,
        small_url(pictures.split.images[place]),
        query_params.url("", query_of(pictures, place)),
        _("Picture {place}: {truth}").format(place=place, truth=class_name(pictures.truth(place), pictures.classes)),
        lines,
        verdict,
        badge,
    )


def query_of(pictures: PictureSet, place: int) -> dict[str, list[str]]:
    """The address of a picture on the page Classify; the way back from there leads to the view at hand."""
    return query_params.query(query_params.VIEW, set=pictures.name, picture=str(place))


def show_cells(title: str, pictures: PictureSet, cells: list[Cell], key: str) -> None:
    """The pictures as links to the page Classify."""
    place = show_sheet(title, cells, key)
    if place is not None:
        st.switch_page("views/classify.py", query_params=query_of(pictures, place))
