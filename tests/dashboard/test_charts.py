from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.charts import curve_chart, empty_chart, probability_chart, rate_chart
from model.prediction import Prediction
from training.history import History, Run

CLASSES = ("cat", "dog", "ship")


def predict(*probabilities: float) -> Prediction:
    return Prediction.from_probabilities(list(probabilities), CLASSES, "m", 1.0)


def run(name: str, epochs: int, validated: bool = True) -> Run:
    values = tuple(float(epoch) for epoch in range(1, epochs + 1))
    blank = tuple(float("nan") for _ in values)
    val = values if validated else blank
    return Run(name, Path(name), {}, History(values, values, values, val, val, values, values), {}, {})


def test_most_probable_class_is_drawn_on_top() -> None:
    bar = probability_chart(predict(0.1, 0.7, 0.2)).data[0]
    assert list(bar.y) == ["cat", "ship", "dog"]  # Plotly draws upwards
    assert list(bar.text) == ["10.0%", "20.0%", "70.0%"]


@pytest.mark.parametrize(("probabilities", "strong"), [((0.1, 0.7, 0.2), 1), ((0.45, 0.5, 0.05), 2)])
def test_an_unsure_answer_has_two_strong_bars(probabilities: tuple[float, ...], strong: int) -> None:
    bar = probability_chart(predict(*probabilities)).data[0]
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


def test_curves_are_dashed_for_training_and_full_for_validation() -> None:
    figure = curve_chart([run("a", 4), run("b", 4)], "loss")
    assert [trace.name for trace in figure.data] == ["a, training", "a, validation", "b, training", "b, validation"]
    assert [trace.line.dash for trace in figure.data] == ["dot", "solid"] * 2
    assert figure.data[0].line.color == figure.data[1].line.color != figure.data[2].line.color


def test_a_run_without_validation_has_one_curve() -> None:
    assert len(curve_chart([run("a", 4, validated=False)], "accuracy").data) == 1


def test_a_first_epoch_is_a_visible_dot() -> None:
    assert rate_chart([run("a", 1)]).data[0].mode == "lines+markers"
