from __future__ import annotations

import re

import numpy as np
import pytest

from dashboard.components.plotly_chart import INK_COLORS, with_readable_text
from dashboard.presenters.test_set_figures import class_bars, gain_chart, signed_points
from model.evaluation.metrics import class_metrics, worst_first
from tests.dashboard.color_contrast import PAGES, contrast

CLASSES = ("cat", "dog", "ship")


def test_classes_come_worst_first_and_one_without_pictures_last() -> None:
    figures = class_metrics(np.array([[8, 2, 0, 0], [1, 6, 3, 0], [0, 0, 10, 0], [0, 0, 0, 0]]), (*CLASSES, "truck"))
    order = worst_first(figures)
    assert order == [1, 0, 2, 3]
    table = class_bars([figures[place] for place in order], ["cat", "dog", "<b>ship", "truck"], order)
    rows = re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", table)
    assert [re.sub("<[^>]+>", " ", row).split() for row in rows] == [
        ["dog", "66.7%", "75.0%", "60.0%"],
        ["cat", "84.2%", "88.9%", "80.0%"],
        ["&lt;b&gt;ship", "87.0%", "76.9%", "100.0%"],
        ["truck", "–", "–", "–"],
    ]
    assert re.findall(r"width: calc\(([0-9.]+) \* ", table) == ["0.6667", "0.8421", "0.8696", "0.0000"]


def test_a_change_is_drawn_to_both_sides() -> None:
    chart = gain_chart(["cat", "dog"], [-0.02, 0.031], [0, 1])
    assert list(chart.data[0].text) == ["−2.0", "+3.1"]
    low, high = chart.layout.xaxis.range
    assert low == -high and high > 0.031
    assert signed_points(0.0) == "0.0"


def test_no_change_at_all_is_a_chart_too() -> None:
    assert gain_chart(["cat"], [0.0], [0]).layout.xaxis.range[1] > 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_are_readable_in_both_themes(theme: str) -> None:
    figure = with_readable_text(gain_chart(["cat"], [0.1], [0]), theme)
    assert {figure.layout.yaxis.tickfont.color, figure.data[0].textfont.color} == {INK_COLORS[theme]}
    assert contrast(INK_COLORS[theme], PAGES[theme]) >= 4.5
