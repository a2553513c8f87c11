from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from model.bundle import Card
from model.classifier import load_tflite, read_network
from model.outputs import softmax
from model.quantize import quantize
from model.splits import Split
from training.calibration import (
    Adaptive,
    best_adaptive,
    best_temperature,
    calibrate,
    negative_log_likelihood,
    stored_as_trained,
)
from training.recipe import AugmentationSettings


def drawn(probabilities: np.ndarray) -> np.ndarray:
    """A label for each row, drawn with its probabilities."""
    places = np.random.default_rng(1).random((len(probabilities), 1))
    labels: np.ndarray = (probabilities.cumsum(axis=1) < places).sum(axis=1)
    return labels


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_finds_the_temperature_that_the_labels_were_drawn_with(temperature: float) -> None:
    logits = np.random.default_rng(0).normal(0, 2, (20_000, 5))
    assert best_temperature(logits, drawn(softmax(logits / temperature))) == pytest.approx(temperature, rel=0.05)


def test_finds_how_the_temperature_depends_on_the_certainty() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (40_000, 5))
    truth = Adaptive(guess=0.5, start=0.4, slope=0.9)
    found = best_adaptive(logits, drawn(softmax(logits * truth.multiples(logits)[:, None])))
    assert found is not None
    assert found.multiples(logits) == pytest.approx(truth.multiples(logits), rel=0.1)


def test_where_one_temperature_is_right_the_adaptive_one_is_about_as_flat() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (20_000, 5))
    found = best_adaptive(logits, drawn(softmax(logits / 2)))
    assert found is not None
    assert found.multiples(logits) == pytest.approx(np.full(20_000, 0.5), rel=0.15)


def test_a_network_that_is_never_wrong_still_gets_a_temperature() -> None:
    assert 0 < best_temperature(np.eye(3), np.arange(3)) <= 0.2
    assert best_adaptive(np.eye(3), np.arange(3)) is None


@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_logits_that_say_nothing_get_a_temperature_of_the_allowed_ones(wrong: float) -> None:
    rng = np.random.default_rng(0)
    logits = wrong * rng.normal(0, 2, (500, 4))
    assert 0.1 <= best_temperature(logits, rng.integers(0, 4, 500)) <= 10


def network(name: str) -> keras.Model:
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Softmax()(keras.layers.Dense(3, name=name)(features)))


def test_calibrating_changes_how_sure_the_network_is_and_no_answer() -> None:
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8, 3), dtype=np.uint8)
    model = network("logits")
    before = model.predict(images, verbose=0)
    # Labels that follow the answers far more often than the pale probabilities say.
    calibrated, temperature = calibrate(model, Split(images, before.argmax(axis=1)))
    after = calibrated.predict(images, verbose=0)
    assert temperature < 0.5
    assert after.max(axis=1).mean() > before.max(axis=1).mean()
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))


def test_an_adaptive_temperature_is_a_part_of_the_saved_network(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    colours = np.random.default_rng(0).integers(0, 256, (5000, 1, 1, 3), dtype=np.uint8)
    images = np.repeat(np.repeat(colours, 8, axis=1), 8, axis=2)
    model = network("logits")
    before = model.predict(images, verbose=0)
    logits = np.log(before)
    truth = Adaptive(guess=0.5, start=0.3, slope=3.0)
    labels = drawn(softmax(logits * truth.multiples(logits)[:, None]))
    calibrated, temperature = calibrate(model, Split(images, labels), "adaptive")
    calibrated.save(tmp_path / "network.keras")
    after = read_network(tmp_path / "network.keras").predict(images, verbose=0)
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert temperature == pytest.approx(np.mean(1 / truth.multiples(logits)), rel=0.1)
    quantize(calibrated, images, tmp_path / "network.tflite")
    card = Card("network", ("a", "b", "c"), 8, parameters=0, flops=0, recipe="", dataset="", date="")
    int8 = load_tflite(tmp_path / "network.tflite", card)(images[:200])
    assert np.abs(int8 - after[:200]).max() < 0.1
    alone = logits / best_temperature(logits, labels)
    assert negative_log_likelihood(np.log(after), labels) < negative_log_likelihood(alone, labels)


@pytest.mark.parametrize(("name", "pictures"), [("head", 10), ("logits", 0)])
def test_without_a_logits_layer_or_pictures_nothing_changes(name: str, pictures: int) -> None:
    model = network(name)
    before = model.get_weights()
    split = Split(np.zeros((pictures, 8, 8, 3), np.uint8), np.zeros(pictures, np.int64))
    calibrated, temperature = calibrate(model, split, "adaptive")
    assert calibrated is model
    assert temperature == 1.0
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_a_network_trained_for_jpeg_is_calibrated_on_pictures_through_jpeg() -> None:
    split = Split(np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8), np.arange(6))
    assert stored_as_trained(split, AugmentationSettings(), 0) is split
    stored = stored_as_trained(split, AugmentationSettings(jpeg=0.1, jpeg_quality=(70, 80)), 0)
    assert (stored.labels[-6:] == split.labels).all()
    assert len(stored) == 8 * len(split)
    assert all((one != other).any() for one, other in zip(stored.images[:6], split.images, strict=True))
