"""What test sets are called: as cards and runs keep it, and in the reader's language."""

from __future__ import annotations

import re

from model.language import gettext as _
from model.language import thousands

DATA_NAMES = {"cifar10": "CIFAR-10"}


def test_set(title: str) -> str:
    """A test set's title, such as `cifar10 test, all 10,000`, in the visitor's language."""
    known = re.fullmatch(r"(.+) test, (all|first) ([0-9,]+)", title)
    if known is None:
        return title
    data, part, count = known.groups()
    words = _("{data}, all {count} test pictures") if part == "all" else _("{data}, first {count} test pictures")
    return words.format(data=DATA_NAMES.get(data, data), count=count.replace(",", thousands()))
