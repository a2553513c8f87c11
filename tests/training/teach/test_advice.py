from __future__ import annotations

import dataclasses

import pytest

from model.i18n.translations import use_language
from training.teach.advice import WARNING, Advice, advise
from training.teach.report import Confusion, DuplicateGroup, Flaw, Forecast, Giveaway, Report, Suspect

PLAIN = Report(
    classes=("cat", "dog", "bird"),
    counts=(10, 9, 5),
    held_out=24,
    right=23,
    confusion=((10, 0, 0), (1, 8, 0), (0, 0, 5)),
    ece=0.04,
    temperature=1.0,
    penalty=0.01,
    curve=((6, 0.8), (12, 0.9), (21, 23 / 24)),
    forecast=None,
    confusions=(),
    suspects=(),
    duplicates=(),
    flaws=(),
    small_classes=(),
    repeated=(),
    giveaways=(),
    careful=0.95,
    passing_strangers=None,
)


def said(**changes: object) -> list[Advice]:
    return advise(dataclasses.replace(PLAIN, **changes))


def test_the_accuracy_comes_first_with_its_interval() -> None:
    first, last = said()
    assert first.text == "23 of 24 held-out pictures right: between 80% and 99%."
    assert last.text.startswith("It calls about 5% of pictures like yours “none of these”. With fewer than ten")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"held_out": 0, "right": 0}, "No class has two pictures yet, so nothing could be held out to measure with."),
        ({"counts": (10, 1, 1)}, "Not measured, with only one picture: dog, bird."),
        ({"confusions": (Confusion("cat", "dog", 1),)}, "cat and dog are confused: 1 picture."),
        (
            {"suspects": (Suspect(7, "cat", "dog", 0.93),)},
            "A picture in cat looks like dog (93%). Is its class right?",
        ),
        (
            {"duplicates": (DuplicateGroup((3, 8), ("cat", "dog")),)},
            "The same picture is in cat, dog. It should be in only one class.",
        ),
        (
            {"duplicates": (DuplicateGroup((3, 8, 9), ("cat",) * 3),)},
            "3 pictures look alike; they count as 1 picture when held out.",
        ),
        ({"flaws": (Flaw(1, "dark"), Flaw(2, "dark"))}, "2 pictures are very dark."),
        ({"flaws": (Flaw(1, "blurred"),)}, "1 picture is blurred."),
        ({"small_classes": ("bird",)}, "bird: far fewer pictures than cat. More of them would help most."),
        ({"small_classes": ("cat",)}, "cat: far fewer pictures than dog. More of them would help most."),  # all alike
        (
            {"giveaways": (Giveaway("cat", 9, 10),)},
            "cat is recognized by its background: with the middle covered, 9 of 10 pictures are still right. "
            "Pictures with other backgrounds would help.",
        ),
        ({"forecast": Forecast(20, 0.976)}, "About 20 more pictures would bring it to about 98% right."),
        ({"forecast": Forecast(0, 0.96)}, "More pictures like these would hardly help."),
        (
            {"passing_strangers": 0.3},
            "It calls about 5% of pictures like yours “none of these”. "
            "Of pictures of a class it was not taught, about 70%. "
            "With fewer than ten pictures a class, it misses many pictures of other things.",
        ),
        (
            {"repeated": ("bird",)},
            "23 of 24 held-out pictures right: between 80% and 99%. "
            "All pictures of bird look alike, so the true figure is probably lower.",
        ),
    ],
)
def test_each_finding_has_its_sentence(changes: dict[str, object], sentence: str) -> None:
    assert sentence in [advice.text for advice in said(**changes)]


def test_nothing_is_claimed_that_nothing_was_measured_of() -> None:
    assert [one.kind for one in said(held_out=0, right=0, counts=(1, 1, 1))] == ["accuracy"]


def test_a_click_can_mend_what_is_wrong() -> None:
    (suspect,) = [one for one in said(suspects=(Suspect(7, "cat", "dog", 0.93),)) if one.kind == "suspect"]
    assert (suspect.ids, suspect.move_to, suspect.level) == ((7,), "dog", WARNING)


def test_in_portuguese() -> None:
    with use_language("pt"):
        assert said()[0].text.startswith("23 de 24 imagens")
