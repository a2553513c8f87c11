"""Classes of a data set found among a network's, whose names may be written with other capitals."""

from __future__ import annotations

from collections.abc import Sequence


def places_of(labels: Sequence[str], known: Sequence[str]) -> list[int]:
    """The place of each label among `known`, -1 where it is none of them.

    A label is the class of exactly its name, else the only one whose name differs from it by capitals alone.
    """
    exact = {name: place for place, name in enumerate(known)}
    folded: dict[str, int] = {}
    for place, name in enumerate(known):
        folded[name.casefold()] = -1 if name.casefold() in folded else place
    return [exact.get(label, folded.get(label.casefold(), -1)) for label in labels]


def place_of(label: str, known: Sequence[str]) -> int:
    """The same for one label."""
    return places_of([label], known)[0]


def spelled(label: str, known: Sequence[str]) -> str:
    """A label as `known` writes it; as it is where it is none of them."""
    place = place_of(label, known)
    return known[place] if place >= 0 else label
