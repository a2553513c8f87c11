from __future__ import annotations

import numpy as np
import pytest

from dashboard.presenters import saliency_text


def marked(*spots: tuple[int, int]) -> np.ndarray:
    """A map whose mass lies in the ninths named by row and column."""
    marks = np.zeros((33, 33), np.float32)
    for row, column in spots:
        marks[11 * row + 5, 11 * column + 5] = 1.0
    return marks


@pytest.mark.parametrize(
    ("spots", "sentence"),
    [
        ([(0, 0)], "Most of the evidence for “frog” is at the upper left."),
        ([(1, 1), (2, 1)], "Most of the evidence for “frog” is in the middle."),
        ([], "No part of the picture is evidence for “frog”."),
        (
            [(row, column) for row in range(3) for column in range(3)],
            "The evidence for “frog” is spread over the whole picture.",
        ),
    ],
)
def test_a_map_in_words(spots: list[tuple[int, int]], sentence: str) -> None:
    assert saliency_text.describe_map(marked(*spots), "frog") == sentence


def test_a_map_as_a_table_of_shares() -> None:
    table = saliency_text.map_table(marked((0, 0), (0, 0), (2, 2)))
    assert table.loc["top", "at the left"] == 0.5 == table.loc["bottom", "at the right"]
    assert table.to_numpy().sum() == 1.0
