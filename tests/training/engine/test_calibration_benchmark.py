from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration import Logits, measure_both, row, trained_networks
from model.registry.card import read_card
from model.registry.locations import BUNDLES
from model.signature.outputs import softmax
from training.engine.calibration import AdaptiveTemperature
from training.recipes.recipe_file import load_recipe


def test_a_picture_is_taken_in_all_its_versions() -> None:
    taken = Logits(np.arange(12.0).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2]), copies=2).take(np.array([2, 0]))
    assert taken.labels.tolist() == [2, 0, 2, 0]
    assert taken.logits[:, 0].tolist() == [4, 0, 10, 6]


@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_what_needs_an_adaptive_temperature_gains_by_it_and_nothing_else_does(slope: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (20_000, 5))
    scaled = logits * AdaptiveTemperature(guess=0.5, start=0.4, slope=slope).multiples(logits)[:, None]
    labels = (softmax(scaled).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    answers = Logits(logits, labels)
    halves = [answers.take(np.arange(start, start + 10_000)) for start in (0, 10_000)]
    found = measure_both(halves[0], [halves[1]])
    (gain,) = found[:, 0, 0] - found[:, 1, 0]
    assert gain > 0.003 if slope else abs(gain) < 0.001
    assert "NLL" in row("a network", found) and "ECE" in row("a network", found)


def test_every_network_that_is_measured_has_a_recipe() -> None:
    names = trained_networks()
    assert {"best", "fast", "small"} <= set(names) and "imagenet" not in names
    for name in names:
        load_recipe(read_card(BUNDLES / name).recipe)
