"""What the Models page says about a network, in words."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dashboard.presenters.phrases import INCLUSIVE, escape_markdown
from model.datasets.display_names import class_name, test_set_title
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from model.intake.add_model import AddedModel
from model.registry.card import TFLITE_FILE, Card, describe_scaling_source
from model.registry.catalog import SHIPPED, STORED, TRAINED, Entry
from model.registry.store import StoredModel
from model.signature.scaling import SCALINGS

_ORIGINS = {SHIPPED: marked("ships with Vitrine"), TRAINED: marked("trained here"), STORED: marked("added by you")}


@dataclass(frozen=True)
class _Fact:
    """A title and a value."""

    title: str
    value: str


def origin_text(entry: Entry) -> str:
    """Return where a model comes from."""
    return _(_ORIGINS[entry.origin])


def accuracy_text(card: Card) -> tuple[str, str]:
    """Return the accuracy on the largest test set, and what it was measured on."""
    if card.headline is None:
        return "–", _("accuracy not measured") if card.recipe else _("made elsewhere, accuracy not measured")
    title, figures = card.headline
    share = figures.get("keras", figures.get("int8", 0.0))
    return percentage(share), _("right on {data}").format(data=test_set_title(title))


def megabytes(count: int) -> str:
    """Return a file size with the digits that matter: 0.03 MB, 1.9 MB, 98 MB."""
    size = count / 1e6
    return f"{decimal(size, 2 if size < 0.095 else 1 if size < 99.5 else 0)} MB"


def large_number(number: int) -> str:
    """Return a large number in words: 2.0 million."""
    billions, millions, thousands = (round(number / factor, 1) for factor in (1e9, 1e6, 1e3))
    if billions >= 1:
        text = ngettext("{number} billion", "{number} billion", int(billions))
        return text.format(number=decimal(billions))
    if millions >= 1:
        text = ngettext("{number} million", "{number} million", int(millions))
        return text.format(number=decimal(millions))
    return _("{number} thousand").format(number=decimal(thousands)) if thousands >= 1 else str(number)


def class_list(card: Card, limit: int = 4) -> str:
    """Return the number of classes and the first ones' names."""
    shown = ", ".join(escape_markdown(class_name(name, card.classes)[:40]) for name in card.classes[:limit])
    return _("{count} classes: {names}").format(
        count=integer(len(card.classes)), names=shown + (", …" if len(card.classes) > limit else "")
    )


def speed_text(milliseconds: float | None) -> str:
    """Return how long a picture takes here, or that it is not measured yet."""
    if milliseconds is None:
        return _("speed not measured yet")
    return _("{milliseconds} ms a picture").format(milliseconds=decimal(milliseconds))


def _scaling_text(card: Card) -> str:
    """Describe how a network expects pixels."""
    return _(SCALINGS[card.scaling].about) if card.scaling in SCALINGS else card.scaling


def facts(card: Card) -> list[_Fact]:
    """Return a card as titles and values, without what is not known."""
    rows = [
        _Fact(_("pictures"), card.input_shape.pixels),
        _Fact(
            _("answers"), "" if card.exclusive else _("a probability for each class; they do not exclude each other")
        ),
        _Fact(_("wants pixels as"), _scaling_text(card)),
        _Fact(_("pixels known by"), describe_scaling_source(card)),
        _Fact(_("parameters"), large_number(card.parameters) if card.parameters else ""),
        _Fact(_("operations a picture"), large_number(card.flops) if card.flops else ""),
        _Fact(_("recipe"), card.recipe),
        _Fact(_("trained on"), card.dataset),
        _Fact(_("training took"), _("{minutes} minutes").format(minutes=decimal(card.minutes)) if card.minutes else ""),
        _Fact(_("date"), card.date),
    ]
    rows += [_Fact(name, megabytes(entry.bytes)) for name, entry in card.files.items()]
    rows += [_Fact(_("SHA-256 of {file}").format(file=name), entry.sha256) for name, entry in card.files.items()]
    return [row for row in rows if row.value]


def frame_key(name: str, opened: bool) -> str:
    """Return the key of a network's frame for style sheets; no two names share one."""
    return f"network-card-{'open' if opened else 'shut'}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def file_label(file: str | None, suffix: str) -> str:
    """Return the name of a kind of file.

    Args:
        file: The bundle's own file of that kind; None if it would be made.
        suffix: Its suffix.
    """
    return "int8 .tflite" if suffix == ".tflite" and file != TFLITE_FILE else suffix


def added_text(added: AddedModel) -> str:
    """Say what was added and what had to be guessed."""
    model = added.model
    if added.facts is None:
        return _("This file is here already, as {name}.").format(name=model.title)
    pixels, scaling = model.card.input_shape.pixels, _scaling_text(model.card)
    said = _("Added {name}: {count} classes, {pixels}, taken as {scaling} ({why}).").format(
        name=model.title,
        count=len(model.card.classes),
        pixels=pixels,
        scaling=scaling,
        why=describe_scaling_source(model.card),
    )
    more = (*((added.conversion,) if added.conversion else ()), *(() if model.card.exclusive else (_(INCLUSIVE),)))
    return " ".join([said, *more, *(f"{note[:1].upper()}{note[1:]}." for note in added.notes)])


def guess_warning(card: Card) -> str:
    """Say what a guessed scaling may mean for the answers."""
    return _(
        "How this network wants its pixels is a guess: {scaling} ({why}). Where that is wrong, its answers are wrong. "
        "Ask it a picture that you know, then confirm or change it."
    ).format(scaling=_scaling_text(card), why=escape_markdown(card.scaling_why))


def removed_text(models: list[StoredModel]) -> str:
    """Say what was removed, for the line with the undo button."""
    name, earlier = escape_markdown(models[0].name), len(models) - 1
    if not earlier:
        return _("Removed {name}.").format(name=name)
    return ngettext(
        "Removed {name} and its earlier version.", "Removed {name} and its {count} earlier versions.", earlier
    ).format(name=name, count=earlier)
