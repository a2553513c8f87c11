from __future__ import annotations

import numpy as np
import pytest

from model.evaluation.separation import separate


def test_the_share_of_pairs_in_the_right_order() -> None:
    found = separate(np.array([0.9, 0.5]), np.array([0.1, 0.5, 0.95, 0.2]))
    assert found.auroc == pytest.approx((3 + 2.5) / 8)
    assert (found.known, found.others) == (2, 4)


def test_strangers_pass_where_most_known_pictures_do() -> None:
    known = np.linspace(0, 1, 101)
    assert separate(known, np.array([0.0, 0.04, 0.06, 1.0])).false_positives == 0.5
    assert separate(known, known - 2) == separate(known[::-1], known - 2)
    assert separate(known, known - 2).auroc == 1
