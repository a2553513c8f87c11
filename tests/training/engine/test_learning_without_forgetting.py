from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from model.networks.backbones import TEACHER, unfreeze
from model.networks.plain_cnns import cnn5x5
from model.registry.card import write_card
from model.signature.shapes import InputShape
from tests.drawn import draw_images
from tests.shaped import card_of
from training.engine.fit import build_networks, plain_copy
from training.engine.learning_without_forgetting import OLD_LOGITS
from training.engine.optimizer import ChannelAdam
from training.recipes.recipe import FineTuningSettings, ModelSettings, Recipe

IMAGES, TARGETS = draw_images(8, 32), np.eye(3, dtype=np.float32)[np.arange(8) % 3]


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    keras.utils.set_random_seed(0)
    cnn5x5(5, 32, (4, 6, 6)).save(folder / "model.keras")
    write_card(folder, card_of(InputShape(32, 32)))
    return folder


def recipe(backbone: Path, hold: float, first_layer: str = "") -> Recipe:
    return Recipe(
        epochs=2,
        model=ModelSettings("transfer", backbone=str(backbone)),
        fine_tuning=FineTuningSettings(1, hold=hold, first_layer=first_layer),
    )


@pytest.mark.parametrize("first_layer", ["", "conv2"])
def test_at_the_start_nothing_has_changed(first_layer: str, backbone: Path) -> None:
    both, trained = build_networks(recipe(backbone, 1.0, first_layer), 3, 32)
    probabilities, held = both.predict_on_batch(IMAGES)
    old = keras.models.load_model(backbone / "model.keras")
    logits = keras.Model(old.input, old.get_layer("logits").output)
    np.testing.assert_allclose(held, logits.predict_on_batch(IMAGES), atol=1e-4)
    np.testing.assert_allclose(trained.predict_on_batch(IMAGES), probabilities, atol=1e-5)
    trained(IMAGES)
    assert float(sum(trained.losses)) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("first_layer", ["", "conv2"])
def test_what_is_held_changes_less_and_the_teacher_not_at_all(first_layer: str, backbone: Path) -> None:
    changes = []
    for weight in (1e-9, 10.0):
        keras.utils.set_random_seed(1)
        both, trained = build_networks(recipe(backbone, weight, first_layer), 3, 32)
        unfreeze(trained, first_layer)
        before, teacher = both.predict_on_batch(IMAGES)[1], trained.get_layer(TEACHER).get_weights()
        trained.compile(optimizer=ChannelAdam(0.01), loss="categorical_crossentropy")
        for _ in range(80):
            trained.train_on_batch(IMAGES, TARGETS)
        changes.append(np.abs(both.predict_on_batch(IMAGES)[1] - before).mean())
        assert both.get_layer(OLD_LOGITS).trainable
        for old, new in zip(teacher, trained.get_layer(TEACHER).get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
        first = both.get_layer("conv1").get_weights()[0]
        kept = keras.models.load_model(backbone / "model.keras").get_layer("conv1").get_weights()[0]
        assert np.array_equal(first, kept) is bool(first_layer)
    assert changes[1] < changes[0] / 2


def test_the_weights_before_and_after_are_averaged_but_for_the_new_head(backbone: Path) -> None:
    chosen = recipe(backbone, 1.0)
    half = dataclasses.replace(chosen, fine_tuning=dataclasses.replace(chosen.fine_tuning, mix=0.25))
    both, _trained = build_networks(half, 3, 32)
    before = both.get_layer("conv2").get_weights()[0]
    both.set_weights([weights + 1 for weights in both.get_weights()])
    plain = plain_copy(both, half, 3)
    np.testing.assert_allclose(plain.get_layer("conv2").get_weights()[0], before + 0.25, atol=1e-6)
    for head, difference in (("logits", 0), (OLD_LOGITS, -0.75)):
        wanted = both.get_layer(head).get_weights()[0] + difference
        np.testing.assert_allclose(plain.get_layer(head).get_weights()[0], wanted, atol=1e-6)
