"""Answers in plain words."""

from __future__ import annotations

import re

from dashboard.charts import SURE
from model.bundle import Card
from model.classifier import engines_of
from model.language import gettext as _
from model.language import per_cent
from model.prediction import Prediction
from model.titles import class_name, test_set

JOINER = "\u2060"  # is not seen, and joins the letters around it
# Once Markdown is read and no backslash left, Streamlit makes links of addresses, emoji and icons of :names:.
MADE_AFTERWARDS = re.compile(r":(?=//|material/|[\w+-]+:)|\bwww(?=\.)|(?<=[\w.+-])(?=@)", re.IGNORECASE)


def headline(prediction: Prediction) -> str:
    """The answer as a title: `Frog`, or `Not sure: cat or dog`."""
    first, *others = prediction.top(2)
    if prediction.best.probability >= SURE or not others:
        label = class_name(first.label)
        return label[:1].upper() + label[1:]  # the rest as its owner writes it: BMW
    return _("Not sure: {first} or {second}").format(first=class_name(first.label), second=class_name(others[0].label))


def certainty(prediction: Prediction) -> str:
    """How sure, in words and in number."""
    probability = prediction.best.probability
    words = (
        _("almost certain, {share} sure")
        if probability >= 0.95
        else _("very likely, {share} sure")
        if probability >= 0.8
        else _("probably, {share} sure")
        if probability >= SURE
        else _("a guess, {share} sure")
    )
    return words.format(share=percent(probability))


def percent(probability: float) -> str:
    """A share as a whole per cent that never rounds a doubt away: 99.7 % is not 100 %."""
    if 0.99 < probability < 1:
        return per_cent(min(probability, 0.999))
    return per_cent(probability, 0)


def measured(card: Card, engine: str) -> str:
    """The network's name with the engine's accuracy and the test set that it was measured on."""
    network = card.name if engine == next(iter(engines_of(card)), engine) else f"{card.name} ({engine})"
    title, figures = card.headline or ("", {})
    if engine not in figures:
        return network
    return _("{network} · {share} right on {data}").format(
        network=network, share=per_cent(figures[engine]), data=test_set(title)
    )


def plain(text: str) -> str:
    """Text from outside, such as a file's name, as Markdown and the HTML in it show it as it is, on one line."""
    whole = MADE_AFTERWARDS.sub(rf"\g<0>{JOINER}", " ".join(text.splitlines()))
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", whole)


def file_name(text: str) -> str:
    """A name from a visitor's machine as one that can be written here: no folders, nothing strange, its suffix kept."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.replace("\\", "/").rpartition("/")[2])[-80:].lstrip(".-") or "file"
