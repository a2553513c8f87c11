"""Browse a test set: the filter, which is in the address, and the pictures it selects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import streamlit as st

from dashboard.components import query_params
from dashboard.components.contact_sheet import Cell, show_sheet, thumbnail_url
from dashboard.panels import test_set_picker
from dashboard.presenters import phrases
from model.datasets.class_matching import match_classes
from model.datasets.display_names import class_name
from model.datasets.resized import own_images
from model.datasets.test_set import PictureSet
from model.evaluation.test_set_predictions import ORDERS, VERDICTS, PredictedTestSet, PredictionFilter
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.registry.card import Card

_PAGE = 60  # pictures
_VERDICT_WORDS = dict(
    zip(VERDICTS, (marked("All"), marked("Right"), marked("Wrong"), marked("None of these")), strict=True)
)
_ORDER_WORDS = dict(
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
    """What the address asks for: classes by name, empty for any, and confidence limits in per cent."""

    true: str = ""
    answer: str = ""
    verdict: str = VERDICTS[0]
    least: int = 0
    most: int = 100
    order: str = ORDERS[0]

    @property
    def needs_answers(self) -> bool:
        """Whether the selection or its order depends on the network's predictions."""
        return self != Filter(true=self.true)

    @property
    def needs_known(self) -> bool:
        """Whether the selection depends on how known the pictures are."""
        return self.verdict == "unknown"

    def question(self, known: tuple[str, ...]) -> PredictionFilter:
        """Return the filter for predictions with these classes."""
        true, answer = match_classes((self.true, self.answer), known)
        return PredictionFilter(true, answer, self.verdict, self.least / 100, self.most / 100, self.order)


def choose_filter(classes: tuple[str, ...], card: Card) -> tuple[Filter, str]:
    """Draw the filter's widgets and the choice of the engine."""
    verdicts = VERDICTS if card.known else VERDICTS[:-1]  # the last is for networks that can tell
    verdict = query_params.choose(_("Verdict"), "verdict", verdicts, lambda name: _(_VERDICT_WORDS[name]), switch=True)
    order = query_params.choose(_("Order"), "sort", ORDERS, lambda name: _(_ORDER_WORDS[name]), width=200)
    with st.popover(_("Filter"), icon=":material/filter_alt:"):
        true, answer = choose_classes(classes, card.classes)
        least, most = query_params.choose_range(_("How sure the network is"), "sure", 100, "%d%%")
        engine = test_set_picker.choose_engine(card)
    return Filter(true, answer, verdict, least, most, order), engine


def choose_classes(
    classes: tuple[str, ...], known: tuple[str, ...], width: int | Literal["stretch"] = "stretch"
) -> tuple[str, str]:
    """Draw the choice of the true and the predicted class; empty for any."""

    def shown(among: tuple[str, ...]) -> Callable[[str], str]:
        return lambda label: class_name(label, among) if label else _("any")

    true = query_params.choose(_("True class"), "true", ["", *classes], shown(classes), width=width)
    return true, query_params.choose(_("Answer"), "answer", ["", *known], shown(known), width=width)


def choose_page(count: int) -> slice:
    """Return which of `count` pictures are on the chosen page."""
    page = query_params.choose_page(max(1, -(-count // _PAGE)))
    return slice((page - 1) * _PAGE, page * _PAGE)


def plain_cells(pictures: PictureSet, places: np.ndarray) -> list[Cell]:
    """Return the pictures with their true class, before there are predictions."""
    return [cell(pictures, place, (class_name(pictures.truth(place), pictures.classes),)) for place in places.tolist()]


def answered_cells(pictures: PictureSet, survey: PredictedTestSet, places: np.ndarray) -> list[Cell]:
    """Return the pictures with prediction, confidence, and the true class if it differs."""
    cells = []
    predicted, confidence, unknown = survey.predicted, survey.confidence, survey.unknown
    for place in places.tolist():
        right = predicted[place] == survey.split.labels[place]
        truth = survey.classes[int(survey.split.labels[place])]
        sure = phrases.percent(float(confidence[place]))
        said = f"{'✓' if right else '✗'} {class_name(survey.classes[predicted[place]], survey.classes)}"
        lines = (said,) if right else (said, _("is {label}").format(label=class_name(truth, survey.classes)))
        lines = (*lines, _("none of these?")) if unknown[place] else lines
        cells.append(cell(pictures, place, lines, "right" if right else "wrong", sure))
    return cells


def cell(pictures: PictureSet, place: int, lines: tuple[str, ...], verdict: str = "", badge: str = "") -> Cell:
    """Return one picture's cell."""
    return Cell(
        place,
        thumbnail_url(own_images(pictures.split.images)[place]),
        query_params.url("", _query_of(pictures, place)),
        _("Picture {place}: {truth}").format(place=place, truth=class_name(pictures.truth(place), pictures.classes)),
        lines,
        verdict,
        badge,
    )


def _query_of(pictures: PictureSet, place: int) -> dict[str, list[str]]:
    """Return the query of a picture on the Classify page, which leads back to this view."""
    return query_params.query(query_params.VIEW, set=pictures.name, picture=str(place))


def show_cells(title: str, pictures: PictureSet, cells: list[Cell], key: str) -> None:
    """Draw the pictures as links to the Classify page."""
    place = show_sheet(title, cells, key)
    if place is not None:
        st.switch_page("views/classify.py", query_params=_query_of(pictures, place))
