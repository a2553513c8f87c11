"""Match class names of a data set to those of a network, ignoring case and Unicode form.

macOS stores `ã` as `a` and a combining tilde, most other systems as one character: both are the same name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence


def normalize_name(name: str) -> str:
    """Return a name in Unicode's composed form (NFC), in which an accent is part of its letter."""
    return unicodedata.normalize("NFC", name)


def _case_folded(name: str) -> str:
    """Return a name in a form that ignores case."""
    return normalize_name(normalize_name(name).casefold())


_NORMALIZERS: tuple[Callable[[str], str], ...] = (str, normalize_name, _case_folded)


def match_classes(labels: Sequence[str], known: Sequence[str]) -> list[int]:
    """Return the index of each label in `known`, or -1.

    A label matches the class of exactly its name; else the only class whose name is the same in NFC; else the only
    class whose name is the same when case is ignored.
    """
    indices = [-1] * len(labels)
    for spelling in _NORMALIZERS:
        found: dict[str, int] = {}
        for index, name in enumerate(known):
            found[spelling(name)] = -1 if spelling(name) in found else index
        indices = [
            found.get(spelling(label), -1) if index < 0 else index for label, index in zip(labels, indices, strict=True)
        ]
    return indices


def match_class(label: str, known: Sequence[str]) -> int:
    """Return the index of one label in `known`, or -1."""
    return match_classes([label], known)[0]


def canonical_name(label: str, known: Sequence[str]) -> str:
    """Return a label as `known` writes it; unchanged if it matches none."""
    index = match_class(label, known)
    return known[index] if index >= 0 else label
