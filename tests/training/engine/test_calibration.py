from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from model.datasets.splits import Split
from model.export.quantization import quantize
from model.inference.classifier import read_network
from model.inference.lite import load_tflite
from model.registry.card import Card
from model.signature.outputs import softmax
from training.engine.calibration import (
    AdaptiveTemperature,
    RepeatedSplit,
    calibrate,
    fit_adaptive_temperature,
    fit_temperature,
    negative_log_likelihood,
    with_jpeg_copies,
)
from training.recipes.recipe import AugmentationSettings


def drawn(probabilities: np.ndarray) -> np.ndarray:
    """A label for each row, drawn with its probabilities."""
    places = np.random.default_rng(1).random((len(probabilities), 1))
    labels: np.ndarray = (probabilities.cumsum(axis=1) < places).sum(axis=1)
    return labels


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_finds_the_temperature_that_the_labels_were_drawn_with(temperature: float) -> None:
    logits = np.random.default_rng(0).normal(0, 2, (20_000, 5))
    assert fit_temperature(logits, drawn(softmax(logits / temperature))) == pytest.approx(temperature, rel=0.05)


def test_finds_how_the_temperature_depends_on_the_certainty() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (40_000, 5))
    truth = AdaptiveTemperature(guess=0.5, start=0.4, slope=0.9)
    found = fit_adaptive_temperature(logits, drawn(softmax(logits * truth.multiples(logits)[:, None])))
    assert found is not None
    assert found.multiples(logits) == pytest.approx(truth.multiples(logits), rel=0.1)


def test_where_one_temperature_is_right_the_adaptive_one_is_about_as_flat() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (20_000, 5))
    found = fit_adaptive_temperature(logits, drawn(softmax(logits / 2)))
    assert found is not None
    assert found.multiples(logits) == pytest.approx(np.full(20_000, 0.5), rel=0.15)


@pytest.mark.parametrize(("pictures", "most"), [(1, 0.78), (4, 0.85), (6, 0.87), (20, 0.93)])
def test_few_pictures_that_are_all_answered_right_make_an_honest_answer_little_surer(
    pictures: int, most: float
) -> None:
    logits, labels = np.tile([1.0, 0.0], (pictures, 1)), np.zeros(pictures, np.int64)
    assert 0.731 < softmax(logits / fit_temperature(logits, labels)).max() < most
    adaptive = fit_adaptive_temperature(logits, labels)
    assert adaptive is not None
    assert 0.731 < softmax(logits * adaptive.multiples(logits)[:, None]).max() < most + 0.03


@pytest.mark.parametrize("pictures", [4, 20])
def test_few_pictures_of_an_honest_network_leave_it_about_as_good_as_it_was(pictures: int) -> None:
    """Ten times: a temperature read from a few pictures, judged by 2,000 others."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2000, 5))
    labels = drawn(softmax(logits))
    lost = []
    for _ in range(10):
        few = rng.choice(2000, pictures, replace=False)
        adaptive = fit_adaptive_temperature(logits[few], labels[few])
        assert adaptive is not None
        for multiples in (1 / fit_temperature(logits[few], labels[few]), adaptive.multiples(logits)[:, None]):
            lost.append(negative_log_likelihood(logits * multiples, labels) - negative_log_likelihood(logits, labels))
    assert np.mean(lost) < 0.05 and max(lost) < 0.25


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_thousand_pictures_decide_nearly_alone(temperature: float) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (1000, 10))
    labels = drawn(softmax(logits / temperature))
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(temperature, rel=0.06)
    # A hundred times the same pictures, taken for so many: what they say alone.
    alone = fit_temperature(np.tile(logits, (100, 1)), np.tile(labels, 100))
    assert found == pytest.approx(alone, rel=0.01)
    adaptive = fit_adaptive_temperature(logits, labels)
    assert adaptive is not None
    assert np.mean(1 / adaptive.multiples(logits)) == pytest.approx(temperature, rel=0.08)


def test_copies_of_a_picture_are_no_more_pictures() -> None:
    logits, labels = np.random.default_rng(0).normal(0, 2, (6, 3)), np.array([0, 1, 2, 0, 1, 2])
    again, likewise = np.tile(logits, (8, 1)), np.tile(labels, 8)
    assert fit_temperature(again, likewise, copies=8) == pytest.approx(fit_temperature(logits, labels))
    assert fit_adaptive_temperature(again, likewise, copies=8) == fit_adaptive_temperature(logits, labels)


def test_where_the_least_likely_answer_is_right_no_adaptive_temperature_will_do() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (500, 4))
    assert fit_adaptive_temperature(logits, logits.argmin(axis=1)) is None
    assert fit_temperature(logits, logits.argmin(axis=1)) == 10


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_huge_logits_do_not_stop_it(scale: float) -> None:
    rng = np.random.default_rng(0)
    logits, labels = (scale * rng.normal(0, 1, (500, 4))).astype(np.float32), rng.integers(0, 4, 500)
    assert 0.1 <= fit_temperature(logits, labels) <= 10
    fit_adaptive_temperature(logits, labels)


@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_logits_that_say_nothing_get_a_temperature_of_the_allowed_ones(wrong: float) -> None:
    rng = np.random.default_rng(0)
    logits = wrong * rng.normal(0, 2, (500, 4))
    assert 0.1 <= fit_temperature(logits, rng.integers(0, 4, 500)) <= 10


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
    truth = AdaptiveTemperature(guess=0.5, start=0.3, slope=3.0)
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
    alone = logits / fit_temperature(logits, labels)
    assert negative_log_likelihood(np.log(after), labels) < negative_log_likelihood(alone, labels)


@pytest.mark.parametrize("kind", ["temperature", "adaptive"])
def test_a_network_is_calibrated_by_the_pictures_and_not_by_their_copies(kind: str) -> None:
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    labels = network("logits").predict(images, verbose=0).argmax(axis=1)
    found = []
    for split in (Split(images, labels), RepeatedSplit(np.tile(images, (8, 1, 1, 1)), np.tile(labels, 8), copies=8)):
        keras.utils.set_random_seed(0)
        found.append(calibrate(network("logits"), split, kind)[1])
    assert found[0] == pytest.approx(found[1], rel=1e-3)


@pytest.mark.parametrize("kind", ["temperature", "adaptive"])
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_logits_that_are_no_numbers_leave_the_network_as_it_is(kind: str, broken: float) -> None:
    model = network("logits")
    layer = model.get_layer("logits")
    layer.set_weights([layer.get_weights()[0], np.array([broken, 0, 0], np.float32)])
    before = model.get_weights()
    split = Split(np.zeros((10, 8, 8, 3), np.uint8), np.zeros(10, np.int64))
    calibrated, temperature = calibrate(model, split, kind)
    assert calibrated is model
    assert temperature == 1.0
    assert all(np.array_equal(old, new, equal_nan=True) for old, new in zip(before, model.get_weights(), strict=True))


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
    assert with_jpeg_copies(split, AugmentationSettings(), 0) is split
    stored = with_jpeg_copies(split, AugmentationSettings(jpeg=0.1, jpeg_quality=(70, 80)), 0)
    assert (stored.labels[-6:] == split.labels).all()
    assert isinstance(stored, RepeatedSplit) and stored.copies == 8
    assert len(stored) == 8 * len(split)
    assert all((one != other).any() for one, other in zip(stored.images[:6], split.images, strict=True))
