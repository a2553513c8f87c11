from __future__ import annotations

import numpy as np
import pytest

from model.intake.scaling_evidence import Affine, scaling_from_arithmetic, scaling_from_range
from model.signature.scaling import GUESSED, READ

NEAR = 0.3


@pytest.mark.parametrize(
    ("low", "high", "scaling"),
    [
        (0, 230, "none"),
        (3, 251, "none"),
        (0, 0.9, "unit"),
        (0.02, 1.0, "unit"),
        (-1, 0.93, "symmetric"),
        (-1.95, 2.1, "standard"),
        (-2.118, 2.64, "imagenet"),
        (-118, 149, "caffe"),
    ],
)
def test_a_range_is_of_the_nearest_convention(low: float, high: float, scaling: str) -> None:
    found = scaling_from_range(low, high, "because", NEAR)
    assert (found.scaling, found.source, found.why) == (scaling, READ, "because")


@pytest.mark.parametrize(("low", "high"), [(0, 30), (0, 5000), (-20, 20), (0, 0.2)])
def test_a_range_that_is_near_to_none_is_a_guess(low: float, high: float) -> None:
    assert scaling_from_range(low, high, "because", NEAR).source == GUESSED


@pytest.mark.parametrize(
    ("factor", "offset", "scaling"),
    [(1 / 255, 0, "none"), (1, -0.4, "unit"), (1.01, 0, None), (1, 0, None), (1e-9, 0, None)],
)
def test_arithmetic_speaks_for_the_convention_that_it_makes_usable(
    factor: float, offset: float, scaling: str | None
) -> None:
    found = scaling_from_arithmetic(Affine(factor * np.eye(3), np.full(3, float(offset))))
    assert (found.scaling if found else None) == scaling
