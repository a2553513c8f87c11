from __future__ import annotations

import numpy as np
import pytest

from model.evaluation.paired_test import count_changes, disagreements, mcnemar_p_value, median_times

CLASSES = ("cat", "dog", "ship")


def rows(*places: int) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[list(places)] * 0.8 + 0.1 / 1.5


def test_disagreements_are_counted_by_who_is_right() -> None:
    first, second, labels = rows(0, 0, 1, 2, 1), rows(0, 1, 0, 1, 2), np.array([0, 0, 0, 0, 2])
    disagreed = disagreements(first, second, labels, CLASSES)
    assert [one.index for one in disagreed] == [1, 2, 3, 4]
    assert (disagreed[0].label, disagreed[0].first.label, disagreed[0].second.label) == ("cat", "cat", "dog")
    found = count_changes(disagreed, 5)
    assert (found.lost, found.won, found.other, found.different, found.n) == (1, 2, 1, 4, 5)


def test_two_that_agree_differ_by_nothing() -> None:
    found = count_changes(disagreements(rows(0, 1), rows(0, 1), np.array([0, 0]), CLASSES), 2)
    assert (found.different, found.p_value) == (0, 1.0)


@pytest.mark.parametrize(
    ("lost", "won", "expected"),
    [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 0.0625), (5, 0, 0.0625), (1, 9, 0.021484375), (12, 25, 0.047031)],
)
def test_chance_is_mcnemars_exact_test(lost: int, won: int, expected: float) -> None:
    assert mcnemar_p_value(lost, won) == pytest.approx(expected, abs=1e-6)


def test_thousands_of_disagreements_are_no_trouble() -> None:
    assert 0 < mcnemar_p_value(3000, 3100) < 0.25
    assert mcnemar_p_value(1000, 5000) < 1e-100


def test_speeds_are_measured_in_turns() -> None:
    asked: list[str] = []
    found = median_times([lambda: asked.append("first"), lambda: asked.append("second")], repeats=3)
    assert asked == ["first", "second"] * 3
    assert len(found) == 2 and all(value >= 0 for value in found)
