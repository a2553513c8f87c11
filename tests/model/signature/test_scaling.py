from __future__ import annotations

import numpy as np
import pytest

from model.export.quantization import bake_in_pre_and_postprocessing
from model.inference.lite import images_to_tensor
from model.registry.card import Card, describe_scaling_source
from model.signature.scaling import READ, SCALINGS, to_network_input
from tests.drawn import draw_images


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("none", 0, 255), ("unit", 0, 1), ("symmetric", -1, 1), ("imagenet", -2.118, 2.249), ("caffe", -103.939, 151.061)],
)
def test_black_and_white_become_what_the_name_says(name: str, low: float, high: float) -> None:
    scaling = SCALINGS[name]
    ends = [value * scaling.factor[0] + scaling.offset[0] for value in (0, 255)]
    assert ends == pytest.approx([low, high], abs=1e-3)


def test_standard_scaling_gives_cifar10_mean_0_and_deviation_1() -> None:
    scaling = SCALINGS["standard"]
    for channel, (mean, std) in enumerate(((125.3, 63.0), (123.0, 62.1), (113.9, 66.7))):
        values = np.array([mean, mean + std]) * scaling.factor[channel] + scaling.offset[channel]
        assert values == pytest.approx([0, 1])


@pytest.mark.parametrize("name", SCALINGS)
def test_every_engine_gets_the_same_numbers(name: str) -> None:
    """In TensorFlow, for LiteRT, and in the layers that a converted file has inside."""
    import keras

    images = draw_images(3, 8)
    exact = np.asarray(to_network_input(images, name, keras.Input((8, 8, 3))))
    assert np.allclose(
        images_to_tensor(images, SCALINGS[name], {"dtype": np.float32, "quantization": (0.0, 0)}), exact, atol=1e-4
    )
    idle = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Identity()])
    inside = bake_in_pre_and_postprocessing(idle, Card("", (), 8, 0, 0, "", "", "", scaling=name))
    assert np.allclose(np.asarray(inside(images)), exact, atol=1e-4)


def test_caffe_is_what_keras_makes_for_resnet50() -> None:
    import keras

    images = draw_images(2, 8)
    expected = keras.applications.resnet50.preprocess_input(images.astype(np.float32))
    assert np.allclose(np.asarray(to_network_input(images, "caffe", keras.Input((8, 8, 3)))), expected, atol=1e-4)


def test_how_a_scaling_is_known_is_said() -> None:
    card = Card("", (), 8, 0, 0, "", "", "", scaling_from=READ, scaling_why="its input is whole numbers")
    assert describe_scaling_source(card) == "read in the file: its input is whole numbers"
    assert describe_scaling_source(Card("", (), 8, 0, 0, "", "", "")) == ""
