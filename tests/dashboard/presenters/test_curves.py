from __future__ import annotations

import math
from pathlib import Path

import pytest

from dashboard.presenters.curves import MAX_POINTS, curves_chart, describe_curves, smooth
from model.i18n.translations import use_language
from training.runs.history import History
from training.runs.run import Run


def run(name: str, epochs: int, validated: bool = True) -> Run:
    values = tuple(float(epoch) for epoch in range(1, epochs + 1))
    val = values if validated else tuple(math.nan for _ in values)
    return Run(name, Path(name), {}, History(values, values, values, val, val, values, values), {}, {})


def test_training_is_dotted_and_validation_full_and_a_run_has_one_colour() -> None:
    figure = curves_chart([run("a", 4), run("b", 4)])
    names = ["a, training", "a, validation", "a, training", "a, validation", "a"]
    assert [trace.name for trace in figure.data[:5]] == names
    assert [trace.line.dash for trace in figure.data[:5]] == ["dot", "solid", "dot", "solid", "solid"]
    assert [trace.yaxis for trace in figure.data[:5]] == ["y", "y", "y2", "y2", "y3"]
    assert len({trace.line.color for trace in figure.data[:5]}) == 1
    assert figure.data[0].line.color != figure.data[5].line.color


def test_the_legend_names_each_curve_once_and_hides_it_everywhere() -> None:
    figure = curves_chart([run("a", 4), run("b", 4)], smoothing=0.5)
    shown = [trace.name for trace in figure.data if trace.showlegend]
    assert shown == ["a, training", "a, validation", "b, training", "b, validation"]
    assert len({trace.legendgroup for trace in figure.data}) == 4


def test_a_run_without_validation_has_no_curve_of_it() -> None:
    figure = curves_chart([run("a", 4, validated=False)])
    assert [trace.name for trace in figure.data] == ["a, training", "a, training", "a"]


def test_a_first_epoch_is_a_visible_dot() -> None:
    assert {trace.mode for trace in curves_chart([run("a", 1)]).data} == {"lines+markers"}


def test_smoothing_leaves_the_measured_curve_behind() -> None:
    figure = curves_chart([run("a", 4)], smoothing=0.5)
    pale = [trace for trace in figure.data if trace.opacity]
    full = [trace for trace in figure.data if not trace.opacity]
    assert len(pale) == 4  # the learning rate is as it was set
    assert list(pale[0].y) == [1, 2, 3, 4]
    assert list(full[0].y) == smooth([1, 2, 3, 4], 0.5)
    assert figure.data.index(pale[0]) < figure.data.index(full[0])  # later ones lie in front


def test_a_logarithmic_axis_is_for_loss_and_rate() -> None:
    plain, logarithmic = curves_chart([run("a", 4)]).layout, curves_chart([run("a", 4)], logarithmic=True).layout
    assert (plain.yaxis.type, plain.yaxis2.type, plain.yaxis3.type) == (None, None, None)
    assert (logarithmic.yaxis.type, logarithmic.yaxis2.type, logarithmic.yaxis3.type) == (None, "log", "log")


def test_numbers_are_written_in_the_readers_language() -> None:
    assert curves_chart([run("a", 4)]).layout.separators == ".,"
    with use_language("pt"):
        assert curves_chart([run("a", 4)]).layout.separators == ",."


def test_a_very_long_run_is_thinned() -> None:
    assert len(curves_chart([run("a", 10 * MAX_POINTS)]).data[0].x) <= MAX_POINTS


def test_smooth_is_a_mean_whose_first_values_are_not_drawn_to_zero() -> None:
    assert smooth([3.0, 3.0, 3.0], 0.9) == pytest.approx([3, 3, 3])
    assert smooth([1.0, 2.0], 0.5) == pytest.approx([1, (0.25 * 1 + 0.5 * 2) / 0.75])
    assert smooth([1.0, 5.0], 0.0) == [1, 5]


def test_smooth_passes_over_what_was_not_measured() -> None:
    found = smooth([math.nan, 1.0, math.nan, 3.0], 0.5)
    assert math.isnan(found[0])
    assert math.isnan(found[2])
    assert found[3] == smooth([1.0, 3.0], 0.5)[1]


def test_curves_in_words() -> None:
    assert describe_curves([run("a", 1), run("b", 3, validated=False)]) == (
        "a: 1 epoch, best validation accuracy 100.0%; b: 3 epochs"
    )
