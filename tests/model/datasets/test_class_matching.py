from __future__ import annotations

import pytest

from model.datasets.class_matching import canonical_name, match_class, match_classes


@pytest.mark.parametrize(
    ("label", "known", "place"),
    [
        ("cat", ("dog", "cat"), 1),
        ("Cat", ("dog", "cat"), 1),
        ("cat", ("CAT", "cat"), 1),  # its own name before any other
        ("CAT", ("CAT", "cat"), 0),
        ("Cat", ("CAT", "cat"), -1),  # nobody knows which one is meant
        ("Straße", ("STRASSE",), 0),
        ("ca\u0303o", ("gato", "cão"), 1),
        ("CÃO", ("gato", "ca\u0303o"), 1),
        ("cão", ("ca\u0303o", "cão"), 1),
        ("frog", ("dog", "cat"), -1),
        ("", ("dog", "cat"), -1),
    ],
)
def test_a_class_is_found_by_its_name_or_by_the_only_one_of_other_capitals(
    label: str, known: tuple[str, ...], place: int
) -> None:
    assert match_class(label, known) == place
    assert canonical_name(label, known) == (known[place] if place >= 0 else label)


def test_many_are_found_at_once() -> None:
    known = ("A", "B", "a", "b")
    assert match_classes(known, known) == [0, 1, 2, 3]
    assert match_classes(("b", "C", "A"), known) == [3, -1, 0]
