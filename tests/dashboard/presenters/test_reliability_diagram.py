from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from dashboard.presenters.reliability_diagram import EDGE, reliability_diagram
from model.evaluation.metrics import reliability_bins


def test_bars_stand_where_their_confidence_is_and_are_as_high_as_it_is_right() -> None:
    rows = np.array([[0.9, 0.1], [0.95, 0.05], [0.4, 0.6]])
    drawn = ElementTree.fromstring(reliability_diagram(reliability_bins(rows, np.array([0, 1, 1]), bins=10)))
    sure, surest = drawn.findall("rect")
    assert float(sure.attrib["x"]) == pytest.approx(0.6 * EDGE + 1)
    assert (float(sure.attrib["y"]), float(sure.attrib["height"])) == (0, EDGE)
    assert float(surest.attrib["x"]) == pytest.approx(0.9 * EDGE + 1)
    assert (float(surest.attrib["y"]), float(surest.attrib["height"])) == (EDGE / 2, EDGE / 2)
    assert surest.findtext("title") == "2 pictures, 92.5% sure on average, 50.0% right"


def test_the_line_goes_from_corner_to_corner_and_every_fifth_is_marked() -> None:
    drawn = ElementTree.fromstring(reliability_diagram([]))
    assert [path.attrib["d"] for path in drawn.findall("path")] == [f"M0 {EDGE}L{EDGE} 0"]
    marks = [text.text for text in drawn.findall("text")]
    assert marks.count("0%") == marks.count("60%") == marks.count("100%") == 2
    assert drawn.attrib["aria-label"].startswith("Bars: the share that is right")
