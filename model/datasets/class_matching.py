"""Classes of a data set found among a network's, whose names may be written with other capitals or other accents.

A Mac's files spell `ã` as an `a` and a tilde, most others as one sign: both are one name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC), in which accents are part of their letters."""
    return unicodedata.normalize("NFC", name)


def folded(name: str) -> str:
    """A name without the difference between capitals and small letters."""
    return composed(composed(name).casefold())


SPELLINGS: tuple[Callable[[str], str], ...] = (str, composed, folded)


def places_of(labels: Sequence[str], known: Sequence[str]) -> list[int]:
    """The place of each label among `known`, -1 where it is none of them.

    A label is the class of exactly its name, else the only one whose name differs from it by the form of its accents
    alone, else the only one that differs by capitals too.
    """
    places = [-1] * len(labels)
    for spelling in SPELLINGS:
        found: dict[str, int] = {}
        for place, name in enumerate(known):
            found[spelling(name)] = -1 if spelling(name) in found else place
        places = [
            found.get(spelling(label), -1) if place < 0 else place for label, place in zip(labels, places, strict=True)
        ]
    return places


def place_of(label: str, known: Sequence[str]) -> int:
    """The same for one label."""
    return places_of([label], known)[0]


def spelled(label: str, known: Sequence[str]) -> str:
    """A label as `known` writes it; as it is where it is none of them."""
    place = place_of(label, known)
    return known[place] if place >= 0 else label
