from __future__ import annotations

import numpy as np
import pytest

from tests.training.made_up_runs import wavering
from training.analysis.trends import direction, is_level, level_since, mann_kendall, minimum_index, noise, total_change


def test_noise_is_found_whatever_the_curve() -> None:
    steep = np.linspace(0, 50, 400)
    assert noise(wavering(steep, 0.5)) == pytest.approx(0.5, rel=0.2)
    assert noise(steep) == pytest.approx(0, abs=1e-9)
    assert noise([1.0, 2.0]) == 0.0


def test_score_is_that_of_the_textbook() -> None:
    # 1 to 5 in order: all 10 pairs rise, and the variance is 5 * 4 * 15 / 18.
    assert mann_kendall([1, 2, 3, 4, 5]) == pytest.approx(9 / np.sqrt(300 / 18))
    assert mann_kendall([5, 4, 3, 2, 1]) == -mann_kendall([1, 2, 3, 4, 5])
    assert mann_kendall([2, 2, 2, 2, 2]) == 0.0
    assert mann_kendall([1]) == 0.0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_trend_is_seen_through_noise(sign: int) -> None:
    seen = [direction(wavering(2 + sign * np.linspace(0, 0.4, 20), 0.05, seed)) for seed in range(100)]
    assert seen.count(sign) >= 98
    assert -sign not in seen


@pytest.mark.parametrize("n", [5, 8, 20, 60])
def test_noise_is_hardly_ever_taken_for_a_trend(n: int) -> None:
    seen = [direction(wavering(np.ones(n), 0.05, seed)) for seed in range(400)]
    assert seen.count(0) >= 0.97 * 400


def test_less_than_a_hundredth_is_no_trend() -> None:
    assert direction(np.linspace(1.0, 1.005, 30)) == 0
    assert direction(np.linspace(1.0, 1.05, 30)) == 1


def test_four_values_are_too_few() -> None:
    assert direction([1, 2, 3, 4]) == 0
    assert direction([1, 2, 3, 4, 5]) == 1


def test_a_curve_is_level_from_where_it_stops_falling() -> None:
    curve = wavering(np.concatenate([np.linspace(2, 1, 15), np.full(25, 1.0)]), 0.01)
    since = level_since(curve)
    assert since is not None
    assert 12 <= since <= 16
    assert not is_level(curve)
    assert level_since(np.linspace(2, 1, 20)) is None
    assert level_since(np.ones(5)) is None  # too short to tell


def test_one_lucky_value_is_no_minimum() -> None:
    curve = np.abs(np.arange(20) - 8.0)
    curve[17] = -1
    assert minimum_index(curve) in (7, 8, 9)


def test_change_compares_the_ends() -> None:
    assert total_change([1, 1, 1, 5, 9, 3, 3, 3, 3]) == 2
    assert total_change([1.0]) == 0
