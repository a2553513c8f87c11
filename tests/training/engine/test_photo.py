"""The whole way of the recipe `photo`, on a small backbone and drawn tiles."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.datasets.loader import load_dataset
from model.datasets.resized import own_images
from model.inference.classifier import Classifier
from model.registry.card import read_card, write_card
from model.signature.scaling import image_input
from model.signature.shapes import InputShape
from tests.drawn import draw_cifar10
from tests.shaped import card_of
from training.engine.fit import fit
from training.engine.prior import OUTPUTS
from training.recipes.recipe import (
    AugmentationSettings,
    FineTuningSettings,
    ModelSettings,
    OptimizerSettings,
    PriorSettings,
    Recipe,
    ScheduleSettings,
)
from training.runs.run import read_run


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    inputs = image_input(32)
    x = keras.layers.Rescaling(1 / 128, offset=-1.0)(inputs)
    for index, width in enumerate((8, 16), start=1):
        x = keras.layers.Conv2D(width, 3, 2, activation="relu", name=f"conv{index}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    outputs = keras.layers.Softmax()(keras.layers.Dense(1000, name="logits")(x))
    keras.Model(inputs, outputs).save(folder / "model.keras")
    write_card(folder, card_of(InputShape(32, 32), "none"))
    return folder


def recipe(backbone: Path) -> Recipe:
    return Recipe(
        name="photo",
        epochs=3,
        batch_size=20,
        precision="float32",
        model=ModelSettings("transfer", input_size=48, backbone=str(backbone)),
        augmentation=AugmentationSettings(flip="random", jpeg=0.5, enlarge=1.3, sharpen=2.0),
        optimizer=OptimizerSettings("channel_adam", 0.03),
        schedule=ScheduleSettings("constant", scales=(0.75, 0.75, 1.0)),
        fine_tuning=FineTuningSettings(2, 0.002, "triangle", mix=0.8, hold=0.05, refit=1),
        prior=PriorSettings(known=(1.0, 1.0, 0.5), weight=0.2, floor=0.03),
    )


def test_tiles_make_a_network_for_larger_pictures_that_also_says_what_it_knows(backbone: Path, tmp_path: Path) -> None:
    tiles = load_dataset(draw_cifar10(tmp_path, 40, 20), 48, validation=0.1)
    outcome = fit(recipe(backbone), tiles, tmp_path / "run", tmp_path / "photo")
    card = read_card(outcome.bundle)
    assert (card.input_size, card.classes, card.outputs) == (48, CIFAR10_CLASSES, OUTPUTS)
    assert card.accuracy["cifar10 test, all 20"]["n"] == 20
    assert read_run(outcome.run).history.epoch == (1, 2, 3)
    assert own_images(tiles.train.images).shape[1:] == (32, 32, 3)
    for engine in ("keras", "int8"):
        rows = Classifier.load(outcome.bundle, engine).rows(tiles.test.images[:4])
        assert {name: row.shape for name, row in rows.items()} == {
            "probabilities": (4, 10),
            "known": (4, 1),
            "imagenet": (4, 1000),
        }
        np.testing.assert_allclose(rows["probabilities"].sum(axis=1), 1, atol=1e-5)
        assert ((rows["known"] > 0) & (rows["known"] < 1)).all()


def test_without_a_prior_what_was_held_is_no_output(backbone: Path, tmp_path: Path) -> None:
    tuning = dataclasses.replace(recipe(backbone).fine_tuning, epochs=1)
    plain = dataclasses.replace(recipe(backbone), epochs=2, prior=PriorSettings(), fine_tuning=tuning)
    tiles = load_dataset(draw_cifar10(tmp_path, 20, 20), 48, validation=0.1)
    outcome = fit(plain, tiles, tmp_path / "run", tmp_path / "plain")
    assert read_card(outcome.bundle).outputs == ()
    assert Classifier.load(outcome.bundle, "int8").probabilities(tiles.test.images[:2]).shape == (2, 10)
