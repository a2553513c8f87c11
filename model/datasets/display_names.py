"""What test sets and classes are called: as cards and runs keep it, and in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Collection

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.i18n.number_format import thousands_separator
from model.i18n.translations import gettext as _

DATA_NAMES = {"cifar10": "CIFAR-10"}


def test_set(title: str) -> str:
    """A test set's title, such as `cifar10 test, all 10,000`, in the visitor's language."""
    known = re.fullmatch(r"(.+) test, (all|first) ([0-9,]+)", title)
    if known is None:
        return title
    data, part, count = known.groups()
    words = _("{data}, all {count} test pictures") if part == "all" else _("{data}, first {count} test pictures")
    return words.format(data=DATA_NAMES.get(data, data), count=count.replace(",", thousands_separator()))


def class_name(label: str, classes: Collection[str]) -> str:
    """One of `classes` in the reader's language, where they are CIFAR-10's; of any others, its owner's word.

    The catalogue has sentences of ours too: an arrow that points `right` is not one that is correct.
    """
    ours = label in CIFAR10_CLASSES and len(classes) == len(CIFAR10_CLASSES) and set(classes) == set(CIFAR10_CLASSES)
    return _(label) if ours else label
