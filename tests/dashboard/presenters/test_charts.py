from __future__ import annotations

import dataclasses

import pytest

from dashboard.presenters.charts import empty_chart, probability_chart
from model.inference.prediction import Prediction

CLASSES = ("cat", "dog", "ship")


def predict(*probabilities: float) -> Prediction:
    return Prediction.from_probabilities(list(probabilities), CLASSES, "m", 1.0)


def test_most_probable_class_is_drawn_on_top() -> None:
    bar = probability_chart(predict(0.1, 0.7, 0.2)).data[0]
    assert list(bar.y) == ["cat", "ship", "dog"]  # Plotly draws upwards
    assert list(bar.text) == ["10.0%", "20.0%", "70.0%"]


@pytest.mark.parametrize(("probabilities", "strong"), [((0.1, 0.7, 0.2), 1), ((0.45, 0.5, 0.05), 2)])
def test_an_unsure_answer_has_two_strong_bars(probabilities: tuple[float, ...], strong: int) -> None:
    bar = probability_chart(predict(*probabilities)).data[0]
    assert sum(opacity == 1.0 for opacity in bar.marker.opacity) == strong


def test_every_class_that_is_said_is_strong_where_they_do_not_exclude_each_other() -> None:
    for probabilities, strong in (((0.9, 0.8, 0.7), 3), ((0.9, 0.2, 0.1), 1), ((0.4, 0.3, 0.1), 0)):
        bar = probability_chart(dataclasses.replace(predict(*probabilities), exclusive=False)).data[0]
        assert sum(opacity == 1.0 for opacity in bar.marker.opacity) == strong


def test_a_class_keeps_its_colour_whatever_its_rank() -> None:
    colors = []
    for probabilities in ((0.8, 0.1, 0.1), (0.1, 0.2, 0.7)):
        bar = probability_chart(predict(*probabilities)).data[0]
        colors.append(dict(zip(bar.y, bar.marker.color, strict=True)))
    assert colors[0] == colors[1]


def test_empty_chart_names_every_class_and_no_value() -> None:
    bar = empty_chart(CLASSES).data[0]
    assert list(bar.y) == ["ship", "dog", "cat"]
    assert set(bar.x) == {0.0}
    assert bar.text is None


def test_of_many_classes_the_likeliest_are_drawn() -> None:
    classes = tuple(f"class{number}" for number in range(1000))
    prediction = Prediction.from_probabilities([number / 499_500 for number in range(1000)], classes, "wide", 1.0)
    assert list(probability_chart(prediction).data[0].y) == list(classes[-10:])
    assert list(empty_chart(classes).data[0].y) == list(classes[:10][::-1])
