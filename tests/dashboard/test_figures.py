from __future__ import annotations

import re

import numpy as np
import pytest

from dashboard.figures import INKS, change_chart, class_bars, confusion_chart, inked, reliability_chart, signed_points
from model.metrics import by_class, most_confused, reliability, worst_first

CLASSES = ("cat", "dog", "ship")
CONFUSION = np.array([[8, 2, 0], [1, 6, 3], [0, 0, 10]])


def test_every_cell_takes_a_click_and_says_which_it_is() -> None:
    figure = confusion_chart(CONFUSION, CLASSES, [0, 1, 2], shares=False, chosen=None)
    clicks = figure.data[-1]
    assert [tuple(pair) for pair in clicks.customdata] == [(row, column) for row in range(3) for column in range(3)]
    place = list(map(tuple, clicks.customdata)).index((1, 2))
    assert (clicks.y[place], clicks.x[place]) == ("dog", "ship")
    assert clicks.hovertext[place] == "3 of 10 pictures of dog are answered ship: 30.0%"


def test_numbers_stand_in_the_cells_that_hold_pictures() -> None:
    counts = confusion_chart(CONFUSION, CLASSES, [0, 1, 2], shares=False, chosen=None)
    shares = confusion_chart(CONFUSION, CLASSES, [0, 1, 2], shares=True, chosen=None)
    assert set(counts.data[2].text) - {""} == {"8", "2", "1", "6", "3", "10"}
    assert set(shares.data[2].text) - {""} == {"80.0", "20.0", "10.0", "60.0", "30.0", "100.0"}


def test_right_and_wrong_cells_have_colours_of_their_own() -> None:
    right, wrong = confusion_chart(CONFUSION, CLASSES, [0, 1, 2], shares=False, chosen=None).data[:2]
    assert np.isnan(right.z[0][1]) and right.z[2][2] == 1.0
    assert np.isnan(wrong.z[0][0]) and wrong.z[1][2] == 1.0


def test_the_chosen_cell_is_framed() -> None:
    (frame,) = confusion_chart(CONFUSION, CLASSES, [0, 1, 2], shares=False, chosen=(1, 2)).layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (1.5, 2.5, 0.5, 1.5)


def test_of_many_classes_the_most_confused_are_shown() -> None:
    places = most_confused(CONFUSION, 2)
    assert places == [0, 1]
    figure = confusion_chart(CONFUSION, CLASSES, places, shares=False, chosen=(2, 2))
    assert set(figure.data[-1].y) == {"cat", "dog"}
    assert not figure.layout.shapes


def test_reliability_is_drawn_over_the_whole_range_with_its_diagonal() -> None:
    rows = np.array([[0.9, 0.1], [0.95, 0.05], [0.4, 0.6]])
    bars, diagonal = reliability_chart(reliability(rows, np.array([0, 1, 1]), bins=10)).data
    assert list(bars.x) == pytest.approx([0.65, 0.95])
    assert list(bars.y) == [1.0, 0.5]
    assert bars.hovertext[1] == "2 pictures, 92.5% sure on average, 50.0% right"
    assert list(diagonal.x) == list(diagonal.y) == [0, 1]


def test_classes_come_worst_first_and_one_without_pictures_last() -> None:
    figures = by_class(np.array([[8, 2, 0, 0], [1, 6, 3, 0], [0, 0, 10, 0], [0, 0, 0, 0]]), (*CLASSES, "truck"))
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
    assert re.findall("width: ([0-9.]+)%", table) == ["66.7", "84.2", "87.0", "0.0"]


def test_a_change_is_drawn_to_both_sides() -> None:
    chart = change_chart(["cat", "dog"], [-0.02, 0.031], [0, 1])
    assert list(chart.data[0].text) == ["−2.0", "+3.1"]
    low, high = chart.layout.xaxis.range
    assert low == -high and high > 0.031
    assert signed_points(0.0) == "0.0"


def test_no_change_at_all_is_a_chart_too() -> None:
    assert change_chart(["cat"], [0.0], [0]).layout.xaxis.range[1] > 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_are_readable_in_both_themes(theme: str) -> None:
    page = {"light": "#ffffff", "dark": "#11181a"}[theme]
    figure = inked(confusion_chart(CONFUSION, CLASSES, [0, 1, 2], shares=False, chosen=None), theme)
    colours = {figure.layout.xaxis.tickfont.color, figure.data[2].textfont.color}
    assert colours == {INKS[theme]}
    assert contrast(INKS[theme], page) >= 4.5
    for red, green, blue in ((46, 158, 91), (204, 102, 119)):  # the strongest cells, as they lie over the page
        cell = "#" + "".join(
            f"{round(0.55 * level + 0.45 * int(page[1 + 2 * place : 3 + 2 * place], 16)):02x}"
            for place, level in enumerate((red, green, blue))
        )
        assert contrast(INKS[theme], cell) >= 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours by WCAG 2.2."""

    def luminance(colour: str) -> float:
        levels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
