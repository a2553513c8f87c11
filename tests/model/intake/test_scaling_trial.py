"""Networks whose files say nothing of pixels, asked the sample pictures; ours without their first layers are such."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.inference.shared_batches import Forward
from model.intake.batch_norm_statistics import scaling_from_statistics
from model.intake.scaling_trial import try_scalings
from model.registry.card import KERAS_FILE
from model.signature.scaling import GUESSED, PIXEL_MEAN, PIXEL_STD, SCALINGS, TRIED
from model.signature.shapes import InputShape
from tests.shipped import FAST

SHAPE = InputShape(32, 32)
MEAN, STD = np.array(PIXEL_MEAN, np.float32), np.array(PIXEL_STD, np.float32)


@pytest.fixture(scope="module")
def tail() -> keras.Model:
    """The shipped network without the layer that scales."""
    network = keras.models.load_model(FAST / KERAS_FILE)
    scale = next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))
    return keras.Model(scale.output, network.output)


@pytest.fixture(scope="module")
def answer(tail: keras.Model) -> Forward:
    """Its answers to scaled pictures."""
    import tensorflow as tf

    function = tf.function(
        lambda numbers: tail(numbers, training=False),
        input_signature=[tf.TensorSpec((None, *SHAPE), tf.float32)],
        autograph=False,
    )
    return lambda numbers: np.asarray(function(tf.constant(numbers, tf.float32)))


def wanting(answer: Forward, scaling: str) -> Forward:
    """The network as if it had been trained on a convention."""
    entry = SCALINGS[scaling]
    factor, offset = np.array(entry.factor, np.float32), np.array(entry.offset, np.float32)

    def forward(numbers: np.ndarray) -> np.ndarray:
        pixels = (numbers - offset) / factor
        return answer((pixels[..., list(entry.order)] - MEAN) / STD)

    return forward


def named(count: int) -> tuple[str, ...]:
    return CIFAR10_CLASSES


def numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class{index}" for index in range(count))


@pytest.mark.parametrize("scaling", ["none", "unit", "caffe"])
def test_the_convention_under_which_the_samples_are_right_is_taken(answer: Forward, scaling: str) -> None:
    found = try_scalings(wanting(answer, scaling), SHAPE, named)
    assert (found.scaling, found.source) == (scaling, TRIED)
    assert f"as {scaling} it is right on 18 of 21 sample pictures" in found.why


def test_two_that_do_as_well_are_a_guess(answer: Forward) -> None:
    found = try_scalings(wanting(answer, "symmetric"), SHAPE, named)
    assert (found.scaling, found.source) == ("symmetric", GUESSED)


@pytest.mark.parametrize(("scaling", "guess"), [("none", "none"), ("unit", "unit")])
def test_without_names_the_answers_should_differ(answer: Forward, scaling: str, guess: str) -> None:
    found = try_scalings(wanting(answer, scaling), SHAPE, numbered)
    assert (found.scaling, found.source) == (guess, GUESSED)


@pytest.mark.parametrize("names", [("cat", "dog"), ("cat", "house"), ("a", "b")])
def test_a_network_that_always_says_one_thing_proves_nothing(names: tuple[str, str]) -> None:
    found = try_scalings(
        lambda numbers: np.tile(np.array([[0.9, 0.1]], np.float32), (len(numbers), 1)), SHAPE, lambda _: names
    )
    assert (found.scaling, found.source) == ("unit", GUESSED)


def test_answers_that_are_no_numbers_are_a_guess() -> None:
    assert (
        try_scalings(lambda numbers: np.full((len(numbers), 3), np.nan, np.float32), InputShape(8, 8), numbered).source
        == GUESSED
    )


def arithmetic(scaling: str) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    """Hidden from whoever reads the beginning: here it only stands for how the network was trained."""
    entry = SCALINGS[scaling]
    factor = (1 / (np.array(entry.factor, np.float32) * STD)).tolist()
    offset = ((-np.array(entry.offset, np.float32) / np.array(entry.factor, np.float32) - MEAN) / STD).tolist()
    return keras.layers.Rescaling(factor, offset)


@pytest.mark.parametrize("scaling", ["none", "unit", "symmetric", "standard"])
def test_batch_normalisation_remembers_what_photographs_gave(tail: keras.Model, scaling: str) -> None:
    pictures = keras.Input((32, 32, 3))
    found = scaling_from_statistics(keras.Model(pictures, tail(arithmetic(scaling)(pictures))), SHAPE)
    assert found is not None
    assert (found.scaling, found.source) == (scaling, TRIED)


def test_a_network_without_memory_says_nothing() -> None:
    bare = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(), keras.layers.Flatten()]
    )
    assert scaling_from_statistics(bare, InputShape(8, 8)) is None
