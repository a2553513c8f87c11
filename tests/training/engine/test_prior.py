from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.export.quantization import quantize
from model.inference.classifier import Classifier
from model.networks.backbones import LOGITS
from model.networks.imagenet_kinds import kinds_matrix
from model.registry.card import INT8_FILE, KERAS_FILE, write_card
from model.signature.outputs import softmax
from model.signature.scaling import image_input
from model.signature.shapes import InputShape
from tests.drawn import draw_images
from tests.shaped import card_of
from training.engine.callbacks import TrainingError
from training.engine.learning_without_forgetting import OLD_LOGITS
from training.engine.prior import OUTPUTS, with_prior
from training.recipes.recipe import PriorSettings, Recipe, RecipeError

SETTINGS = PriorSettings(known=(1.0, 0.5, 0.25), weight=0.7, floor=0.02, temperature=1.5)


def network(held: int = 1000, classes: int = 10) -> keras.Model:
    """A network with a new head and an old one, whose answers differ from picture to picture."""
    keras.utils.set_random_seed(0)
    inputs = image_input(16)
    x = keras.layers.Rescaling(1 / 64, offset=-2.0)(inputs)
    x = keras.layers.Conv2D(8, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    heads = [
        keras.layers.Dense(units, kernel_initializer="normal", name=name)(x)
        for units, name in ((classes, LOGITS), (held, OLD_LOGITS))
    ]
    made = keras.Model(inputs, [keras.layers.Activation("softmax")(heads[0]), heads[1]])
    for name in (LOGITS, OLD_LOGITS):
        layer = made.get_layer(name)
        layer.set_weights([weights * 60 for weights in layer.get_weights()])
    return made


def test_the_outputs_are_what_the_formulas_say() -> None:
    start = network()
    images = draw_images(12, 16)
    logits, held = keras.Model(start.input, [start.get_layer(LOGITS).output, start.outputs[1]]).predict_on_batch(images)
    probabilities, known, imagenet = with_prior(start, SETTINGS, CIFAR10_CLASSES).predict_on_batch(images)
    kinds = softmax(held) @ kinds_matrix(CIFAR10_CLASSES)
    total = kinds.sum(axis=1)
    assert np.ptp(total) > 0.1
    np.testing.assert_allclose(imagenet, softmax(held), atol=1e-5)
    np.testing.assert_allclose(probabilities, softmax((logits + 0.7 * np.log(kinds + 0.02)) / 1.5), atol=1e-4)
    evidence = 1 + 0.5 * np.log((total + 1e-4) / (1 + 1e-4 - total)) + 0.25 * np.log(softmax(logits).max(axis=1))
    np.testing.assert_allclose(known[:, 0], 1 / (1 + np.exp(-evidence)), atol=1e-4)


def test_both_files_of_a_bundle_give_all_three(tmp_path: Path) -> None:
    made = with_prior(network(), SETTINGS, CIFAR10_CLASSES)
    images = draw_images(40, 16)
    made.save(tmp_path / KERAS_FILE)
    quantize(made, images, tmp_path / INT8_FILE)
    card = dataclasses.replace(card_of(InputShape(16, 16), "none"), classes=CIFAR10_CLASSES, outputs=OUTPUTS)
    write_card(tmp_path, card)
    wanted = dict(zip(OUTPUTS, made.predict_on_batch(images), strict=True))
    for engine, tolerance in (("keras", 1e-4), ("int8", 0.1)):
        rows = Classifier.load(tmp_path, engine).rows(images)
        for name in OUTPUTS:
            assert rows[name].shape == wanted[name].shape
            assert np.abs(rows[name] - wanted[name]).mean() < tolerance, (engine, name)
        np.testing.assert_allclose(rows["probabilities"].sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(rows["imagenet"].sum(axis=1), 1, atol=1e-4)


def test_a_prior_needs_the_thousand_and_classes_that_have_kinds() -> None:
    with pytest.raises(TrainingError, match=r"needs ImageNet's thousand classes: set fine_tuning\.hold"):
        with_prior(network(held=5), SETTINGS, CIFAR10_CLASSES)
    with pytest.raises(TrainingError, match="kinds of 'teapot' are not known; there are priors for airplane, "):
        with_prior(network(classes=2), SETTINGS, ("dog", "teapot"))


def test_its_three_numbers_are_three() -> None:
    with pytest.raises(RecipeError, match=r"prior.known is \[1.0, 2.0\]; it is three numbers"):
        Recipe(prior=PriorSettings(known=(1.0, 2.0)))
