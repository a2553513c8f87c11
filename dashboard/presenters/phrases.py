"""Predictions in plain words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dashboard.presenters.charts import SURE
from model.datasets.display_names import class_name, test_set_title
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.inference.classifier import engines_of
from model.inference.prediction import Prediction
from model.inference.unknown import UNKNOWN, UNSURE
from model.registry.card import Card, SetRule

JOINER = "\u2060"  # word joiner, which is invisible
# After Markdown is rendered, Streamlit turns addresses into links and :names: into emoji and icons.
_AUTOLINKS = re.compile(r":(?=//|material/|[\w+-]+:)|\bwww(?=\.)|(?<=[\w.+-])(?=@[\w-]+\.[\w-])", re.IGNORECASE)
_MAX_LISTED = 4  # classes in a title
INCLUSIVE = marked(
    "The classes do not exclude each other: each has its own probability, and they need not add up to 100 %."
)


def headline(prediction: Prediction) -> str:
    """Return the prediction as a title.

    It is `Frog`, or `Not sure: cat or dog`, or all classes that a picture shows, `Cat, outdoors`, or, for a picture
    unlike those of the network's classes, `Probably none of the 10 classes`.
    """
    if prediction.verdict == UNKNOWN:
        return _("Probably none of the {count} classes").format(count=integer(len(prediction.scores)))
    if not prediction.exclusive:
        return _capitalize(
            shorten_listing([class_name(score.label, prediction.labels) for score in prediction.answers])
            or _("none of its classes")
        )
    first, *others = prediction.top(2)
    if prediction.best.probability >= SURE or not others:
        return _capitalize(class_name(first.label, prediction.labels))
    return _("Not sure: {first} or {second}").format(
        first=class_name(first.label, prediction.labels), second=class_name(others[0].label, prediction.labels)
    )


def _capitalize(label: str) -> str:
    return label[:1].upper() + label[1:]  # the rest stays as it is: BMW


def shorten_listing(parts: Sequence[str]) -> str:
    """Return the first of some words, and how many more there are."""
    shown, more = ", ".join(parts[:_MAX_LISTED]), len(parts) - _MAX_LISTED
    return shown if more <= 0 else _("{shown} and {n} more").format(shown=shown, n=more)


def certainty(prediction: Prediction) -> str:
    """Return how sure the network is, in words and numbers; for independent classes, how sure of each in the title.

    For a picture that is probably none of the classes, it says what it looks like.
    """
    if prediction.verdict == UNKNOWN:
        return _likeness(prediction)
    if prediction.verdict == UNSURE:
        return _("{certainty}; perhaps none of its classes").format(certainty=_certainty_of_class(prediction))
    return _certainty_of_class(prediction)


def _likeness(prediction: Prediction) -> str:
    """Say what a picture of none of the classes looks like: `looks like: umbrella, 83 %`."""
    if like := prediction.looks_like:
        return _("looks like: {label}, {share}").format(label=like.label, share=percent(like.probability))
    return _("looks most like {label}").format(label=class_name(prediction.best.label, prediction.labels))


def _certainty_of_class(prediction: Prediction) -> str:
    """Return the certainty as if the picture were one of the classes."""
    if not prediction.exclusive:
        said = prediction.answers
        shares = shorten_listing(
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


def set_sentence(prediction: Prediction) -> str:
    """The classes that the true one is among: `With 95% confidence: cat or dog`."""
    names = [class_name(score.label, prediction.labels) for score in prediction.prediction_set]
    *others, last = names
    said = _("{first} or {second}").format(first=", ".join(others), second=last) if others else last
    return _("With {coverage} confidence: {classes}").format(
        coverage=percentage(prediction.set_coverage, 0), classes=said
    )


def set_help(rule: SetRule) -> str:
    """What prediction sets come from, and what was measured of them."""
    text = _(
        "Fitted on {count} held-out pictures, class by class. It holds for pictures like those; nobody can promise it "
        "for others."
    ).format(count=integer(rule.n))
    found = [
        _("Measured on {data}: the true class was in {share} of the sets, of {size} classes on average.").format(
            data=test_set_title(title),
            share=percentage(next(share for name, share in figures.items() if f"{name} classes" in figures)),
            size=decimal(next(size for name, size in figures.items() if name.endswith(" classes")), 2),
        )
        for title, figures in rule.measured.items()
    ]
    return " ".join([text, *found])


def certainty_markdown(prediction: Prediction) -> str:
    """Return the certainty as Markdown, capitalized."""
    said = _capitalize(certainty(prediction))
    names_classes = not prediction.exclusive or prediction.verdict == UNKNOWN
    return escape_markdown(said) if names_classes else said


def percent(probability: float) -> str:
    """Return a whole percentage that never rounds a doubt away: 99.7 % does not become 100 %."""
    if 0.99 < probability < 1:
        return percentage(min(probability, 0.999))
    return percentage(probability, 0)


def name_with_accuracy(card: Card, engine: str) -> str:
    """Return the network's name with the engine's accuracy and the test set it was measured on."""
    network = card.name if engine == next(iter(engines_of(card)), engine) else f"{card.name} ({engine})"
    title, figures = card.headline or ("", {})
    if engine not in figures:
        return network
    return _("{network} · {share} right on {data}").format(
        network=network, share=percentage(figures[engine]), data=test_set_title(title)
    )


def escape_markdown(text: str) -> str:
    """Escape untrusted text, such as a file's name, for Markdown with HTML, on one line."""
    whole = _AUTOLINKS.sub(rf"\g<0>{JOINER}", " ".join(text.splitlines()))
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", whole)


def safe_file_name(text: str) -> str:
    """Return a file name from a visitor's machine as a safe one: without folders and special characters."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.replace("\\", "/").rpartition("/")[2])[-80:].lstrip(".-") or "file"
