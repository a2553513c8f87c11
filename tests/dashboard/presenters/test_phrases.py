from __future__ import annotations

import dataclasses

import pytest

from dashboard.presenters.phrases import JOINER, certainty, certainty_markdown, escape_markdown, headline, percent
from model.datasets.cifar10 import CIFAR10_CLASSES
from model.datasets.display_names import class_name
from model.i18n.translations import use_language
from model.inference.prediction import ClassScore, Prediction


def predict(*probabilities: float) -> Prediction:
    return Prediction.from_probabilities(list(probabilities), ("cat", "dog", "frog"), "m", 1.0)


@pytest.mark.parametrize(
    ("probabilities", "title", "words"),
    [
        ((0.01, 0.02, 0.97), "Frog", "almost certain, 97% sure"),
        ((0.85, 0.1, 0.05), "Cat", "very likely, 85% sure"),
        ((0.2, 0.6, 0.2), "Dog", "probably, 60% sure"),
        ((0.45, 0.5, 0.05), "Not sure: dog or cat", "a guess, 50% sure"),
    ],
)
def test_answer_in_words(probabilities: tuple[float, ...], title: str, words: str) -> None:
    prediction = predict(*probabilities)
    assert headline(prediction) == title
    assert certainty(prediction) == words


@pytest.mark.parametrize(
    ("probabilities", "title", "words"),
    [
        ((0.99, 0.98, 0.02), "Cat, dog", "cat 99%, dog 98%"),
        ((0.2, 0.3, 0.7), "Frog", "frog 70%"),
        ((0.2, 0.3, 0.1), "None of its classes", "the likeliest: dog 30%"),
    ],
)
def test_classes_that_do_not_exclude_each_other(probabilities: tuple[float, ...], title: str, words: str) -> None:
    prediction = dataclasses.replace(predict(*probabilities), exclusive=False)
    assert headline(prediction) == title
    assert certainty(prediction) == words


def test_a_picture_of_none_of_the_classes_is_said_to_be_that() -> None:
    unknown = dataclasses.replace(predict(0.1, 0.85, 0.05), known_score=0.1, verdict="unknown")
    assert headline(unknown) == "Probably none of the 3 classes"
    assert certainty(unknown) == "looks most like dog"
    umbrella = dataclasses.replace(unknown, looks_like=ClassScore("umbrella", 879, 0.83))
    assert certainty_markdown(umbrella) == "Looks like\\: umbrella, 83%"
    unsure = dataclasses.replace(unknown, known_score=0.4, verdict="unsure")
    assert headline(unsure) == "Dog"
    assert certainty(unsure) == "very likely, 85% sure; perhaps none of its classes"


def test_many_such_classes_are_counted() -> None:
    names = ("a_b", *"bcdef")
    prediction = Prediction.from_probabilities([0.9] * 6, names, "m", 1.0, exclusive=False)
    assert headline(prediction) == "A_b, b, c, d and 2 more"
    assert certainty_markdown(prediction).startswith(r"A\_b 90%, b 90%")


@pytest.mark.parametrize(
    ("share", "text"), [(0.99996, "99.9%"), (0.994, "99.4%"), (1.0, "100%"), (0.97, "97%"), (0.0, "0%")]
)
def test_percent_never_rounds_a_doubt_away(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_file_name_cannot_be_markdown() -> None:
    assert escape_markdown("*a* [b](c) $d$ <i>") == r"\*a\* \[b\]\(c\) \$d\$ \<i\>"


def test_a_class_is_called_what_its_owner_calls_it() -> None:
    assert headline(Prediction.from_probabilities([0.9, 0.1], ("BMW", "iPhone"), "m", 1.0)) == "BMW"
    with use_language("pt"):
        assert class_name("frog", CIFAR10_CLASSES) == class_name("frog", CIFAR10_CLASSES[::-1]) == "sapo"
        own = ("left", "right", "all", "none", "wrong", "cat", "frog", "")
        assert [class_name(name, own) for name in own] == list(own)
        assert class_name("right", CIFAR10_CLASSES) == "right"
        assert headline(Prediction.from_probabilities([0.9, 0.1], ("cat", "dog"), "m", 1.0)) == "Cat"


@pytest.mark.parametrize("name", ["mine@2", "fast-1@12", "a b@c", "10:30", "www", "x @y.z"])
def test_a_name_that_makes_no_link_can_be_copied_as_it_stands(name: str) -> None:
    assert JOINER not in escape_markdown(name)
    assert JOINER in escape_markdown(f"{name}@example.org")
