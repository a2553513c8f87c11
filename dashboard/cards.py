"""What the Models page says of a network, in words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dashboard.words import plain
from model.bundle import TFLITE_FILE, Card
from model.catalog import SHIPPED, STORED, Entry
from model.intake import Added
from model.scaling import SCALINGS
from model.store import StoredModel

ORIGINS = {SHIPPED: "ships with Vitrine", STORED: "added by you"}


@dataclass(frozen=True)
class Fact:
    title: str
    value: str


def origin(entry: Entry) -> str:
    return ORIGINS.get(entry.origin, entry.origin)


def accuracy(card: Card) -> tuple[str, str]:
    """The share right on the largest test set, and what it was measured on."""
    if card.headline is None:
        return "–", "accuracy not measured" if card.recipe else "made elsewhere, accuracy not measured"
    title, figures = card.headline
    share = figures.get("keras", figures.get("int8", 0.0))
    return f"{share:.1%}", f"right on {title}"


def megabytes(count: int) -> str:
    """A file's size with the digits that matter: 0.03 MB, 1.9 MB, 98 MB."""
    size = count / 1e6
    return f"{size:.2f} MB" if size < 0.095 else f"{size:.1f} MB" if size < 99.5 else f"{size:.0f} MB"


def count(number: int) -> str:
    """A large number in words: 2.0 million."""
    for factor, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if number >= factor:
            return f"{number / factor:.1f} {word}"
    return str(number)


def class_list(card: Card, most: int = 4) -> str:
    """How many classes, and the first ones' names."""
    shown = ", ".join(plain(name[:40]) for name in card.classes[:most])
    return f"{len(card.classes)} classes: {shown}{', …' if len(card.classes) > most else ''}"


def speed(milliseconds: float | None) -> str:
    """How long one picture takes here, or that nobody knows yet."""
    return "speed not measured yet" if milliseconds is None else f"{milliseconds:.1f} ms a picture"


def facts(card: Card) -> list[Fact]:
    """A card as titles and values; what is not known is left out."""
    rows = [
        Fact("pictures", f"{card.input_size} x {card.input_size} pixels"),
        Fact("wants pixels as", SCALINGS[card.scaling].about if card.scaling in SCALINGS else card.scaling),
        Fact("parameters", count(card.parameters) if card.parameters else ""),
        Fact("operations a picture", count(card.flops) if card.flops else ""),
        Fact("recipe", card.recipe),
        Fact("trained on", card.dataset),
        Fact("training took", f"{card.minutes} minutes" if card.minutes else ""),
        Fact("date", card.date),
    ]
    rows += [Fact(name, megabytes(entry.bytes)) for name, entry in card.files.items()]
    rows += [Fact(f"SHA-256 of {name}", entry.sha256) for name, entry in card.files.items()]
    return [row for row in rows if row.value]


def frame_key(name: str, opened: bool) -> str:
    """The key of a network's frame, as it can stand in a style sheet: two names never share one."""
    return f"network-card-{'open' if opened else 'shut'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def file_label(file: str | None, suffix: str) -> str:
    """A kind of file by name; file: the bundle's own of that kind, None for one that would be made."""
    return "int8 .tflite" if suffix == ".tflite" and file != TFLITE_FILE else suffix


def added(added: Added) -> str:
    """What was added, with what had to be guessed, for the line after it."""
    model = added.model
    if added.facts is None:
        return f"This file is here already, as {model.title}."
    size, scaling = model.card.input_size, SCALINGS[model.card.scaling].about
    return (
        f"Added {model.title}: {len(model.card.classes)} classes, {size} x {size} pixels, taken as {scaling} "
        f"({added.facts.why})."
    )


def removed(models: list[StoredModel]) -> str:
    """What was removed, for the line with the undo button."""
    name = plain(models[0].name)
    return f"Removed {name} and its {len(models) - 1} earlier versions." if len(models) > 1 else f"Removed {name}."
