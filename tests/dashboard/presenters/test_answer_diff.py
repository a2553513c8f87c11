from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.presenters import answer_diff
from dashboard.presenters.answer_diff import AnswerDiff, NetworkChoice, diff_answers
from model.i18n.translations import use_language
from model.inference.prediction import Prediction
from model.registry.resolution import DEFAULT
from tests.drawn import save_untrained

PETS = ("cat", "dog", "frog")


def predicted(*shares: float, classes: tuple[str, ...] = PETS) -> Prediction:
    return Prediction.from_probabilities(list(shares), classes, "mine", 1.0)


def compared(first: Prediction, second: Prediction) -> AnswerDiff:
    return diff_answers(("one", "two"), first, second)


def test_two_that_agree_and_hardly_change() -> None:
    lines = answer_diff.sentences(compared(predicted(0.9, 0.06, 0.04), predicted(0.895, 0.06, 0.045)), "cat")
    assert lines == [
        "Both say “cat”",
        "one is 90.0% sure, two 89.5%.",
        "No probability changes by as much as one percentage point.",
        "Both are right.",
    ]


def test_classes_that_do_not_exclude_each_other_are_all_said() -> None:
    one, two = (replace(predicted(*shares), exclusive=False) for shares in ((0.9, 0.8, 0.1), (0.95, 0.3, 0.1)))
    lines = answer_diff.sentences(compared(one, two), "dog")
    assert lines == [
        "They disagree: “Cat, dog” or “Cat”",
        "one: cat 90%, dog 80%. two: cat 95%.",
        "The largest change: “dog” goes from 80.0% to 30.0%.",
        "Only one is right: it is “dog”.",
        "The classes do not exclude each other: each has its own probability, and they need not add up to 100 %.",
    ]
    assert answer_diff.sentences(compared(one, predicted(0.9, 0.1, 0.0)))[-1] == (
        "The classes of one do not exclude each other: each has its own probability."
    )
    left, _right = answer_diff.diff_charts(compared(one, two))
    assert list(left.data[0].marker.opacity) == [0.4, 1.0, 1.0]


def test_an_answer_of_none_of_the_classes_is_no_class() -> None:
    of_none = replace(predicted(0.5, 0.3, 0.2), verdict="unknown", known_score=0.1)
    lines = answer_diff.sentences(compared(of_none, predicted(0.9, 0.06, 0.04)), "cat")
    assert lines[0] == "They disagree: “Probably none of the 3 classes” or “Cat”"
    assert lines[-1] == "Only two is right: it is “cat”."
    left, right = answer_diff.diff_charts(compared(of_none, predicted(0.9, 0.06, 0.04)))
    assert list(left.data[0].marker.opacity) == [0.4] * 3 and list(right.data[0].marker.opacity) == [0.4, 0.4, 1.0]
    assert answer_diff.sentences(compared(of_none, of_none), "cat")[0] == ("Both say “Probably none of the 3 classes”")


def test_two_that_disagree_and_the_largest_change() -> None:
    lines = answer_diff.sentences(compared(predicted(0.6, 0.3, 0.1), predicted(0.25, 0.7, 0.05)), "dog")
    assert lines == [
        "They disagree: “cat” or “dog”",
        "one says “cat” (60.0%), two says “dog” (70.0%).",
        "The largest change: “dog” goes from 30.0% to 70.0%.",
        "Only two is right: it is “dog”.",
    ]
    both_wrong = answer_diff.sentences(compared(predicted(0.6, 0.3, 0.1), predicted(0.25, 0.7, 0.05)), "frog")
    assert both_wrong[-1] == "Both are wrong: it is “frog”."


def test_only_a_network_that_knows_the_class_is_right_or_wrong() -> None:
    kinds = predicted(0.7, 0.3, classes=("tabby", "poodle"))
    for name, said in (("cat", "right"), ("dog", "wrong")):
        lines = answer_diff.sentences(compared(predicted(0.6, 0.3, 0.1), kinds), name)
        assert lines[-1] == f"one is {said}: it is “{name}”."
    lines = answer_diff.sentences(compared(predicted(0.6, 0.3, 0.1), kinds), "ship")
    assert not any("ship" in line for line in lines)


def test_networks_of_other_classes_are_compared_where_they_can_be() -> None:
    some = compared(predicted(0.6, 0.3, 0.1), predicted(0.2, 0.8, classes=("cat", "ship")))
    assert "They have 1 of 4 classes in common." in answer_diff.sentences(some)
    table = answer_diff.diff_table(some).set_index("class")
    assert table.loc["cat", "change"] == -40.0
    assert table.loc["ship", ["first", "change"]].isna().all()
    none = compared(predicted(0.6, 0.3, 0.1), predicted(0.2, 0.8, classes=("car", "ship")))
    assert answer_diff.sentences(none)[2:] == ["They have no class in common."]


@pytest.mark.parametrize(("points", "text"), [(3.25, "+3,2"), (-40.0, "-40,0"), (0.0, "0,0")])
def test_a_change_has_its_sign_and_the_languages_decimal_point(points: float, text: str) -> None:
    with use_language("pt"):
        assert answer_diff.change_text(points) == text


def test_classes_that_differ_in_capitals_are_the_same() -> None:
    lines = answer_diff.sentences(
        compared(predicted(0.9, 0.08, 0.02), predicted(0.8, 0.1, classes=("CAT", "Dog"))), "Cat"
    )
    assert lines[0] == "Both say “cat”"
    assert lines[3:] == ["The largest change: “cat” goes from 90.0% to 80.0%.", "Both are right."]
    apart = compared(predicted(0.9, 0.08, 0.02), predicted(0.8, 0.1, 0.1, classes=("Cat", "cat", "dog")))
    assert sorted(apart.probabilities()) == ["Cat", "cat", "dog", "frog"]


def test_both_charts_have_the_classes_in_one_order_and_colour() -> None:
    first, second = answer_diff.diff_charts(compared(predicted(0.6, 0.3, 0.1), predicted(0.05, 0.7, 0.25)))
    one, two = first.data[0], second.data[0]
    assert list(one.y) == list(two.y) == ["frog", "cat", "dog"]
    assert list(one.x) == [0.1, 0.6, 0.3] and list(two.x) == [0.25, 0.05, 0.7]
    assert one.marker.color == two.marker.color
    assert list(one.marker.opacity) == [0.4, 1.0, 0.4] and list(two.marker.opacity) == [0.4, 0.4, 1.0]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ((2.4, 0.3), "two answers 8.0 times as fast: 0.30 ms a picture against 2.40 ms."),
        ((0.3, 2.4), "one answers 8.0 times as fast: 0.30 ms a picture against 2.40 ms."),
        ((1.0, 1.2), ""),
    ],
)
def test_speed_is_spoken_of_where_it_differs(times: tuple[float, float], said: str) -> None:
    assert answer_diff.compare_speed(("one", "two"), times) == said


def test_the_default_is_compared_with_another_network_or_else_with_another_file_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    options = answer_diff.list_choices()
    assert list(options)[:2] == [f"{DEFAULT}:keras", f"{DEFAULT}:int8"]
    if len({side.name for side in options.values()}) == 1:
        assert answer_diff.default_second_choice(options) == f"{DEFAULT}:int8"
    save_untrained(tmp_path / "bundles" / "mine")
    (tmp_path / "bundles" / "broken").mkdir()
    (tmp_path / "bundles" / "broken" / "card.json").write_text("{")
    options = answer_diff.list_choices()
    assert options["mine:keras"] == NetworkChoice("mine", "keras")
    assert "broken:keras" not in options
    assert options[answer_diff.default_second_choice(options)].name != DEFAULT
