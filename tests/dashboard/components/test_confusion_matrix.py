from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from dashboard.components import confusion_matrix
from model.evaluation.metrics import most_confused
from tests.dashboard.color_contrast import contrast

CLASSES = ("cat", "dog", "ship")
CONFUSION = np.array([[8, 2, 0], [1, 6, 3], [0, 0, 10]])


def test_the_cells_that_hold_pictures_say_what_they_are_and_where_they_lead() -> None:
    found = confusion_matrix.cells(CONFUSION, CLASSES, [0, 1, 2], shares=False, chosen=None)
    assert {place: cell["text"] for place, cell in found.items()} == {
        "0,0": "8", "0,1": "2", "1,0": "1", "1,1": "6", "1,2": "3", "2,2": "10"
    }  # fmt: skip
    cell = found["1,2"]
    assert cell["title"] == "3 of 10 pictures of dog are predicted as ship: 30.0%"
    assert cell["href"] == "./evaluation?true=dog&answer=ship"
    assert cell["place"] == [1, 2]


def test_shares_are_of_the_row() -> None:
    found = confusion_matrix.cells(CONFUSION, CLASSES, [0, 1, 2], shares=True, chosen=None)
    assert [cell["text"] for cell in found.values()] == ["80.0", "20.0", "10.0", "60.0", "30.0", "100.0"]


def test_right_and_wrong_cells_have_colours_of_their_own() -> None:
    found = confusion_matrix.cells(CONFUSION, CLASSES, [0, 1, 2], shares=False, chosen=None)
    assert found["2,2"]["color"] == f"{confusion_matrix.RIGHT}, {confusion_matrix.MAX_OPACITY:.3f}"
    assert found["1,2"]["color"] == f"{confusion_matrix.WRONG}, {confusion_matrix.MAX_OPACITY:.3f}"
    strengths = [float(found[place]["color"].split(", ")[-1]) for place in ("1,0", "0,1", "1,2")]
    assert strengths == sorted(strengths) and strengths[0] > 0.1


def test_one_cell_is_framed() -> None:
    found = confusion_matrix.cells(CONFUSION, CLASSES, [0, 1, 2], shares=False, chosen=(1, 2))
    assert [place for place, cell in found.items() if cell["chosen"]] == ["1,2"]


def test_of_many_classes_the_most_confused_are_shown() -> None:
    places = most_confused(CONFUSION, 2)
    assert places == [0, 1]
    found = confusion_matrix.cells(CONFUSION, CLASSES, places, shares=False, chosen=(2, 2))
    assert set(found) == {"0,0", "0,1", "1,0", "1,1"}
    assert not any(cell["chosen"] for cell in found.values())


def test_no_mistake_at_all_and_a_class_without_pictures() -> None:
    found = confusion_matrix.cells(np.diag([3, 0, 5]), CLASSES, [0, 1, 2], shares=True, chosen=None)
    assert {place: cell["text"] for place, cell in found.items()} == {"0,0": "100.0", "2,2": "100.0"}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_numbers_are_readable_on_the_strongest_cells(theme: str) -> None:
    config = tomllib.loads(Path(".streamlit/config.toml").read_text())
    ink, page = config["theme"][theme]["textColor"], config["theme"][theme]["backgroundColor"]
    for color in (confusion_matrix.RIGHT, confusion_matrix.WRONG):
        under = [int(page[place : place + 2], 16) for place in (1, 3, 5)]
        mixed = [
            confusion_matrix.MAX_OPACITY * int(level) + (1 - confusion_matrix.MAX_OPACITY) * ground
            for level, ground in zip(color.split(", "), under, strict=True)
        ]
        cell = "#" + "".join(f"{round(level):02x}" for level in mixed)
        assert contrast(ink, cell) >= 4.5
