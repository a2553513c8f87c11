"""Answers in plain words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dashboard.presenters.charts import SURE
from model.datasets.display_names import class_name, test_set_title
from model.i18n.number_format import percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.inference.classifier import engines_of
from model.inference.prediction import Prediction
from model.inference.unknown import UNKNOWN, UNSURE
from model.registry.card import Card

JOINER = "\u2060"  # is not seen, and joins the letters around it
# Once Markdown is read and no backslash left, Streamlit makes links of addresses, emoji and icons of :names:.
MADE_AFTERWARDS = re.compile(r":(?=//|material/|[\w+-]+:)|\bwww(?=\.)|(?<=[\w.+-])(?=@[\w-]+\.[\w-])", re.IGNORECASE)
MOST_LISTED = 4  # classes in a title
INCLUSIVE = marked(
    "The classes do not exclude each other: each has its own probability, and they need not add up to 100 %."
)


def headline(prediction: Prediction) -> str:
    """The answer as a title: `Frog`, or `Not sure: cat or dog`, or each class that a picture shows: `Cat, outdoors`.

    For a picture that is unlike those of the network's classes: `Probably none of the 10 classes`.
    """
    if prediction.verdict == UNKNOWN:
        return _("Probably none of the {count} classes").format(count=len(prediction.scores))
    if not prediction.exclusive:
        return capital(
            listed([class_name(score.label, prediction.labels) for score in prediction.answers])
            or _("none of its classes")
        )
    first, *others = prediction.top(2)
    if prediction.best.probability >= SURE or not others:
        return capital(class_name(first.label, prediction.labels))
    return _("Not sure: {first} or {second}").format(
        first=class_name(first.label, prediction.labels), second=class_name(others[0].label, prediction.labels)
    )


def capital(label: str) -> str:
    return label[:1].upper() + label[1:]  # the rest as its owner writes it: BMW


def listed(parts: Sequence[str]) -> str:
    """The first of some words, and how many more there are."""
    shown, more = ", ".join(parts[:MOST_LISTED]), len(parts) - MOST_LISTED
    return shown if more <= 0 else _("{shown} and {n} more").format(shown=shown, n=more)


def certainty(prediction: Prediction) -> str:
    """How sure, in words and in number; for classes that do not exclude each other, how sure of each in the title.

    For a picture that is probably none of them, what it looks like.
    """
    if prediction.verdict == UNKNOWN:
        return likeness(prediction)
    if prediction.verdict == UNSURE:
        return _("{certainty}; perhaps none of its classes").format(certainty=certainty_of_class(prediction))
    return certainty_of_class(prediction)


def likeness(prediction: Prediction) -> str:
    """What a picture looks like that is probably none of the classes: `looks like: umbrella, 83 %`."""
    if like := prediction.looks_like:
        return _("looks like: {label}, {share}").format(label=like.label, share=percent(like.probability))
    return _("looks most like {label}").format(label=class_name(prediction.best.label, prediction.labels))


def certainty_of_class(prediction: Prediction) -> str:
    """The same, as if the picture were one of them."""
    if not prediction.exclusive:
        said = prediction.answers
        shares = listed(
            [
                f"{class_name(score.label, prediction.labels)} {percent(score.probability)}"
                for score in said or prediction.top(1)
            ]
        )
        return shares if said else _("the likeliest: {shares}").format(shares=shares)
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


def plain_certainty(prediction: Prediction) -> str:
    """The same as Markdown, with a capital."""
    said = capital(certainty(prediction))
    names_classes = not prediction.exclusive or prediction.verdict == UNKNOWN
    return plain(said) if names_classes else said


def percent(probability: float) -> str:
    """A share as a whole per cent that never rounds a doubt away: 99.7 % is not 100 %."""
    if 0.99 < probability < 1:
        return percentage(min(probability, 0.999))
    return percentage(probability, 0)


def measured(card: Card, engine: str) -> str:
    """The network's name with the engine's accuracy and the test set that it was measured on."""
    network = card.name if engine == next(iter(engines_of(card)), engine) else f"{card.name} ({engine})"
    title, figures = card.headline or ("", {})
    if engine not in figures:
        return network
    return _("{network} · {share} right on {data}").format(
        network=network, share=percentage(figures[engine]), data=test_set_title(title)
    )


def plain(text: str) -> str:
    """Text from outside, such as a file's name, as Markdown and the HTML in it show it as it is, on one line."""
    whole = MADE_AFTERWARDS.sub(rf"\g<0>{JOINER}", " ".join(text.splitlines()))
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", whole)


def file_name(text: str) -> str:
    """A name from a visitor's machine as one that can be written here: no folders, nothing strange, its suffix kept."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.replace("\\", "/").rpartition("/")[2])[-80:].lstrip(".-") or "file"
