from __future__ import annotations

import pytest

from dashboard.words import certainty, headline, percent, plain
from model.language import speaking
from model.prediction import Prediction
from model.titles import class_name


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
    ("share", "text"), [(0.99996, "99.9%"), (0.994, "99.4%"), (1.0, "100%"), (0.97, "97%"), (0.0, "0%")]
)
def test_percent_never_rounds_a_doubt_away(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_file_name_cannot_be_markdown() -> None:
    assert plain("*a* [b](c) $d$ <i>") == r"\*a\* \[b\]\(c\) \$d\$ \<i\>"


def test_a_class_is_called_what_its_owner_calls_it() -> None:
    assert headline(Prediction.from_probabilities([0.9, 0.1], ("BMW", "iPhone"), "m", 1.0)) == "BMW"
    with speaking("pt"):
        assert class_name("frog") == "sapo"
        assert [class_name(arrow) for arrow in ("left", "right", "top", "")] == ["left", "right", "top", ""]
