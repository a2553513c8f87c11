from __future__ import annotations

import numpy as np
import pytest

from model.scaling import SCALINGS


@pytest.mark.parametrize(
    ("name", "low", "high"), [("none", 0, 255), ("unit", 0, 1), ("symmetric", -1, 1), ("imagenet", -2.118, 2.249)]
)
def test_black_and_white_become_what_the_name_says(name: str, low: float, high: float) -> None:
    scaling = SCALINGS[name]
    ends = [value * scaling.factor[0] + scaling.offset[0] for value in (0, 255)]
    assert ends == pytest.approx([low, high], abs=1e-3)


def test_standard_scaling_gives_cifar10_mean_0_and_deviation_1() -> None:
    scaling = SCALINGS["standard"]
    for channel, (mean, std) in enumerate(((125.3, 63.0), (123.0, 62.1), (113.9, 66.7))):
        values = np.array([mean, mean + std]) * scaling.factor[channel] + scaling.offset[channel]
        assert values == pytest.approx([0, 1])
