"""Answers in plain words."""

from __future__ import annotations

import re

from dashboard.charts import SURE
from model.bundle import Card
from model.prediction import Prediction


def headline(prediction: Prediction) -> str:
    """The answer as a title: `Frog`, or `Not sure: cat or dog`."""
    first, *others = prediction.top(2)
    if prediction.best.probability >= SURE or not others:
        return first.label.capitalize()
    return f"Not sure: {first.label} or {others[0].label}"


def certainty(prediction: Prediction) -> str:
    """How sure, in words and in number."""
    probability = prediction.best.probability
    words = (
        "almost certain"
        if probability >= 0.95
        else "very likely"
        if probability >= 0.8
        else "probably"
        if probability >= SURE
        else "a guess"
    )
    return f"{words}, {percent(probability)} sure"


def percent(probability: float) -> str:
    """A share as a whole per cent that never rounds a doubt away: 99.7 % is not 100 %."""
    if 0.99 < probability < 1:
        return f"{min(probability, 0.999):.1%}"
    return f"{probability:.0%}"


def measured(card: Card) -> str:
    """The network's name with its accuracy and the test set it was measured on."""
    if card.headline is None:
        return card.name
    title, figures = card.headline
    return f"{card.name} · {figures['keras']:.1%} right on {title}"


def plain(text: str) -> str:
    """Text from outside, such as a file's name, so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&])", r"\\\1", text)


def file_name(text: str) -> str:
    """A name from a visitor's machine as one that can be written here: no folders, nothing strange, its suffix kept."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.replace("\\", "/").rpartition("/")[2])[-80:].lstrip(".-") or "file"
