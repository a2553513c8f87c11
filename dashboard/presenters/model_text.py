"""What the Models page says of a network, in words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dashboard.presenters.phrases import INCLUSIVE, plain
from model.datasets.display_names import class_name, test_set_title
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from model.intake.add_model import AddedModel
from model.registry.card import TFLITE_FILE, Card, how_known
from model.registry.catalog import SHIPPED, STORED, TRAINED, Entry
from model.registry.store import StoredModel
from model.signature.scaling import SCALINGS

ORIGINS = {SHIPPED: marked("ships with Vitrine"), TRAINED: marked("trained here"), STORED: marked("added by you")}


@dataclass(frozen=True)
class Fact:
    title: str
    value: str


def origin(entry: Entry) -> str:
    return _(ORIGINS[entry.origin])


def accuracy(card: Card) -> tuple[str, str]:
    """The share right on the largest test set, and what it was measured on."""
    if card.headline is None:
        return "–", _("accuracy not measured") if card.recipe else _("made elsewhere, accuracy not measured")
    title, figures = card.headline
    share = figures.get("keras", figures.get("int8", 0.0))
    return percentage(share), _("right on {data}").format(data=test_set_title(title))


def megabytes(count: int) -> str:
    """A file's size with the digits that matter: 0.03 MB, 1.9 MB, 98 MB."""
    size = count / 1e6
    return f"{decimal(size, 2 if size < 0.095 else 1 if size < 99.5 else 0)} MB"


def count(number: int) -> str:
    """A large number in words: 2.0 million."""
    for factor, words in ((1e9, _("{number} billion")), (1e6, _("{number} million")), (1e3, _("{number} thousand"))):
        if number >= factor:
            return words.format(number=decimal(number / factor))
    return str(number)


def class_list(card: Card, most: int = 4) -> str:
    """How many classes, and the first ones' names."""
    shown = ", ".join(plain(class_name(name, card.classes)[:40]) for name in card.classes[:most])
    return _("{count} classes: {names}").format(
        count=len(card.classes), names=shown + (", …" if len(card.classes) > most else "")
    )


def speed(milliseconds: float | None) -> str:
    """How long one picture takes here, or that nobody knows yet."""
    if milliseconds is None:
        return _("speed not measured yet")
    return _("{milliseconds} ms a picture").format(milliseconds=decimal(milliseconds))


def wanted(card: Card) -> str:
    """What a network wants for a pixel, in words."""
    return _(SCALINGS[card.scaling].about) if card.scaling in SCALINGS else card.scaling


def facts(card: Card) -> list[Fact]:
    """A card as titles and values; what is not known is left out."""
    rows = [
        Fact(_("pictures"), card.input_shape.pixels),
        Fact(_("answers"), "" if card.exclusive else _("a probability for each class; they do not exclude each other")),
        Fact(_("wants pixels as"), wanted(card)),
        Fact(_("pixels known by"), how_known(card)),
        Fact(_("parameters"), count(card.parameters) if card.parameters else ""),
        Fact(_("operations a picture"), count(card.flops) if card.flops else ""),
        Fact(_("recipe"), card.recipe),
        Fact(_("trained on"), card.dataset),
        Fact(_("training took"), _("{minutes} minutes").format(minutes=decimal(card.minutes)) if card.minutes else ""),
        Fact(_("date"), card.date),
    ]
    rows += [Fact(name, megabytes(entry.bytes)) for name, entry in card.files.items()]
    rows += [Fact(_("SHA-256 of {file}").format(file=name), entry.sha256) for name, entry in card.files.items()]
    return [row for row in rows if row.value]


def frame_key(name: str, opened: bool) -> str:
    """The key of a network's frame, as it can stand in a style sheet: two names never share one."""
    return f"network-card-{'open' if opened else 'shut'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def file_label(file: str | None, suffix: str) -> str:
    """A kind of file by name; file: the bundle's own of that kind, None for one that would be made."""
    return "int8 .tflite" if suffix == ".tflite" and file != TFLITE_FILE else suffix


def added(added: AddedModel) -> str:
    """What was added, with what had to be guessed, for the line after it."""
    model = added.model
    if added.facts is None:
        return _("This file is here already, as {name}.").format(name=model.title)
    pixels, scaling = model.card.input_shape.pixels, wanted(model.card)
    said = _("Added {name}: {count} classes, {pixels}, taken as {scaling} ({why}).").format(
        name=model.title, count=len(model.card.classes), pixels=pixels, scaling=scaling, why=how_known(model.card)
    )
    more = (*((added.conversion,) if added.conversion else ()), *(() if model.card.exclusive else (_(INCLUSIVE),)))
    return " ".join([said, *more, *(f"{note[:1].upper()}{note[1:]}." for note in added.notes)])


def guessed(card: Card) -> str:
    """What a guess may mean for the answers."""
    return _(
        "How this network wants its pixels is a guess: {scaling} ({why}). Where that is wrong, its answers are wrong. "
        "Ask it a picture that you know, then confirm or change it."
    ).format(scaling=wanted(card), why=plain(card.scaling_why))


def removed(models: list[StoredModel]) -> str:
    """What was removed, for the line with the undo button."""
    name, earlier = plain(models[0].name), len(models) - 1
    if not earlier:
        return _("Removed {name}.").format(name=name)
    return ngettext(
        "Removed {name} and its earlier version.", "Removed {name} and its {count} earlier versions.", earlier
    ).format(name=name, count=earlier)
