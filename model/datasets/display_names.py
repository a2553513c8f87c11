"""Translate the names of test sets and classes, which are stored in English."""

from __future__ import annotations

import re
from collections.abc import Collection

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.i18n.number_format import thousands_separator
from model.i18n.translations import gettext as _

_DATA_NAMES = {"cifar10": "CIFAR-10"}


def test_set_title(title: str) -> str:
    """Translate a test set's stored title, such as `cifar10 test, all 10,000`."""
    known = re.fullmatch(r"(.+) test, (all|first) ([0-9,]+)", title)
    if known is None:
        return title
    data, part, count = known.groups()
    words = _("{data}, all {count} test pictures") if part == "all" else _("{data}, first {count} test pictures")
    return words.format(data=_DATA_NAMES.get(data, data), count=count.replace(",", thousands_separator()))


def class_name(label: str, classes: Collection[str]) -> str:
    """Translate a label if `classes` are CIFAR-10's; any other label is its owner's own word.

    The catalogue also has words of the page: an arrow that points `right` is not an answer that is right.
    """
    ours = label in CIFAR10_CLASSES and len(classes) == len(CIFAR10_CLASSES) and set(classes) == set(CIFAR10_CLASSES)
    return _(label) if ours else label
