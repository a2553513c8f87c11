from __future__ import annotations

import keras
import numpy as np
import pytest

from model.data import Split
from training.calibration import best_temperature, calibrate, stored_as_trained
from training.recipe import AugmentationSettings


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: np.ndarray = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_finds_the_temperature_that_the_labels_were_drawn_with(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 5))
    labels = np.array([rng.choice(5, p=row) for row in softmax(logits / temperature)])
    assert best_temperature(softmax(logits), labels) == pytest.approx(temperature, rel=0.05)


def test_a_network_that_is_never_wrong_still_gets_a_temperature() -> None:
    assert best_temperature(np.eye(3), np.arange(3)) > 0


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
    temperature = calibrate(model, Split(images, before.argmax(axis=1)))
    after = model.predict(images, verbose=0)
    assert temperature < 0.5
    assert after.max(axis=1).mean() > before.max(axis=1).mean()
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))


@pytest.mark.parametrize(("name", "pictures"), [("head", 10), ("logits", 0)])
def test_without_a_logits_layer_or_pictures_nothing_changes(name: str, pictures: int) -> None:
    model = network(name)
    before = model.get_weights()
    split = Split(np.zeros((pictures, 8, 8, 3), np.uint8), np.zeros(pictures, np.int64))
    assert calibrate(model, split) == 1.0
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))


def test_a_network_trained_for_jpeg_is_calibrated_on_pictures_through_jpeg() -> None:
    split = Split(np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8), np.arange(6))
    assert stored_as_trained(split, AugmentationSettings(), 0) is split
    stored = stored_as_trained(split, AugmentationSettings(jpeg=0.1, jpeg_quality=(70, 80)), 0)
    assert (stored.labels == split.labels).all()
    assert all((one != other).any() for one, other in zip(stored.images, split.images, strict=True))
