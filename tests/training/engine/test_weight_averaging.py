"""Networks fine-tuned from one backbone are averaged: their weights, before calibration, layer by layer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from model.datasets.loader import load_dataset
from model.inference.classifier import Classifier
from model.networks.plain_cnns import cnn5x5
from model.registry.card import read_card, write_card
from model.signature.outputs import softmax
from model.signature.shapes import InputShape
from tests.drawn import draw_cifar10, draw_images
from tests.shaped import card_of
from training.engine.batches import TrainingBatches
from training.engine.callbacks import TrainingError
from training.engine.fit import build_networks, fit
from training.engine.weight_averaging import average_with, read_others, refit_head
from training.recipes.recipe import FineTuningSettings, ModelSettings, Recipe

IMAGES = draw_images(8, 32)
CLASSES = card_of(InputShape(32, 32)).classes


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    keras.utils.set_random_seed(0)
    cnn5x5(5, 32, (4, 6, 6)).save(folder / "model.keras")
    write_card(folder, card_of(InputShape(32, 32)))
    return folder


def recipe(backbone: Path, *average: Path, hold: float = 0.0, seed: int = 0) -> Recipe:
    return Recipe(
        epochs=2,
        seed=seed,
        batch_size=20,
        precision="float32",
        model=ModelSettings("transfer", backbone=str(backbone)),
        fine_tuning=FineTuningSettings(1, 0.01, hold=hold, average=tuple(map(str, average))),
    )


def test_the_average_is_that_of_weights_and_of_logits_before_their_calibration(backbone: Path, tmp_path: Path) -> None:
    ours, _ = build_networks(recipe(backbone), 3, 32)
    other, _ = build_networks(recipe(backbone), 3, 32)
    for number, variable in enumerate(other.weights):
        variable.assign_add(keras.ops.full(variable.shape, 0.01 * (number + 1)))
    mean = [(one + two) / 2 for one, two in zip(ours.get_weights(), other.get_weights(), strict=True)]
    logits = other.get_layer("logits")
    logits.set_weights([weight / 0.5 for weight in logits.get_weights()])  # as calibration leaves them
    other.save(tmp_path / "model.keras")
    write_card(tmp_path, dataclasses.replace(card_of(InputShape(32, 32)), temperature=0.5))
    average_with(ours, read_others(recipe(backbone, tmp_path), ours, CLASSES))
    for found, wanted in zip(ours.get_weights(), mean, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-7)


def test_without_others_nothing_changes(backbone: Path) -> None:
    network, _ = build_networks(recipe(backbone), 3, 32)
    before = network.get_weights()
    average_with(network, read_others(recipe(backbone), network, CLASSES))
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("hold", [0.0, 0.1])
def test_a_training_ends_with_the_average(hold: float, backbone: Path, tmp_path: Path) -> None:
    tiles = load_dataset(draw_cifar10(tmp_path, 20, 20), 32, validation=0.1)
    first = fit(recipe(backbone, hold=hold, seed=1), tiles, tmp_path / "run1", tmp_path / "first").bundle
    alone = fit(recipe(backbone, hold=hold), tiles, tmp_path / "run2", tmp_path / "alone").bundle
    both = fit(recipe(backbone, first, hold=hold), tiles, tmp_path / "run3", tmp_path / "both").bundle

    def kernels(bundle: Path) -> np.ndarray:
        network = keras.models.load_model(bundle / "model.keras")
        head = network.get_layer("logits").get_weights()[0] * read_card(bundle).temperature
        return np.concatenate([network.get_layer("conv1").get_weights()[0].ravel(), head.ravel()])

    np.testing.assert_allclose(kernels(both), (kernels(first) + kernels(alone)) / 2, rtol=1e-3, atol=1e-5)
    assert np.abs(kernels(first) - kernels(alone)).max() > 1e-3
    assert Classifier.load(both, "int8").probabilities(IMAGES).shape == (8, 10)


def test_a_new_head_is_the_best_small_one_for_what_the_layers_before_it_give(backbone: Path, tmp_path: Path) -> None:
    tiles = load_dataset(draw_cifar10(tmp_path, 20, 20), 32, validation=0.1)
    chosen = recipe(backbone)
    chosen = dataclasses.replace(chosen, fine_tuning=dataclasses.replace(chosen.fine_tuning, refit=2))
    network, _ = build_networks(chosen, 10, 32)
    logits, before = network.get_layer("logits"), network.get_weights()
    batches, said = TrainingBatches(tiles.train, 10, chosen), list[str]()
    refit_head(network, batches, said.append)
    assert said == ["a new head: pass 1 of 2", "a new head: pass 2 of 2"]
    head = [id(weight) for weight in logits.weights]
    for weight, old in zip(network.weights, before, strict=True):
        assert np.array_equal(weight, old) != (id(weight) in head)

    features, targets, layers = [], [], keras.Model(network.input, logits.input)
    for epoch in (2, 3):  # those after the two of the training
        batches.start_at(epoch)
        for images, wanted in map(batches.__getitem__, range(len(batches))):
            features.append(layers.predict_on_batch(images))
            targets.append(wanted)

    def loss(kernel: np.ndarray, bias: np.ndarray) -> float:
        found = np.log(softmax(np.concatenate(features) @ kernel + bias))
        return float(-(np.concatenate(targets) * found).sum(axis=1).mean() + 0.003 * np.square(kernel).sum())

    kernel, bias = logits.get_weights()
    assert loss(kernel, bias) < loss(np.zeros_like(kernel), bias)
    rng = np.random.default_rng(0)
    for _other in range(20):
        step = 0.05 * rng.standard_normal(kernel.shape)
        assert loss(kernel, bias) < loss(kernel + step, bias)
    assert loss(kernel, bias) < min(loss(0.8 * kernel, bias), loss(1.25 * kernel, bias))


def test_what_cannot_be_averaged_is_named_before_the_training(backbone: Path, tmp_path: Path) -> None:
    network, _ = build_networks(recipe(backbone), 3, 32)
    with pytest.raises(TrainingError, match=r"fine_tuning\.average: .*nowhere.*; train that network first, or leave"):
        read_others(recipe(backbone, Path("nowhere")), network, CLASSES)
    with pytest.raises(TrainingError, match=r"has no layer 'logits' like this network's; it takes networks of the"):
        read_others(recipe(backbone, backbone), network, CLASSES)  # five classes, not three
    write_card(tmp_path, card_of(InputShape(32, 32)))
    network.save(tmp_path / "model.keras")
    write_card(tmp_path, card_of(InputShape(32, 32)))
    with pytest.raises(TrainingError, match=r"the classes of .* are .*, in this order; those of the data"):
        read_others(recipe(backbone, tmp_path), network, CLASSES[::-1])
    tiles = load_dataset(draw_cifar10(tmp_path, 20, 20), 32, validation=0.1)
    with pytest.raises(TrainingError, match=r"fine_tuning\.average"):
        fit(recipe(backbone, tmp_path / "missing"), tiles, tmp_path / "run", tmp_path / "net")
    assert not (tmp_path / "run").exists()
