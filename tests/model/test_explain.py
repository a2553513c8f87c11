from __future__ import annotations

import keras
import numpy as np
import pytest

from model.architectures import build_model
from model.explain import GREY, NoMapError, gradient_map, occlusion_map
from tests.drawn import draw_images, enliven


def corner_probabilities(images: np.ndarray) -> np.ndarray:
    """A classifier that looks at the upper left corner alone: the brighter, the surer of class 1."""
    bright = images[:, :8, :8].mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - bright, bright], axis=1)


def test_occlusion_marks_what_the_answer_rests_on() -> None:
    image = np.full((32, 32, 3), 255, np.uint8)
    marked = occlusion_map(corner_probabilities, image, 1)
    assert marked.shape == (32, 32) and marked.dtype == np.float32
    assert marked.max() == 1.0
    assert marked[:8, :8].mean() > 0.4
    assert marked[12:, 12:].max() == 0.0
    assert (occlusion_map(corner_probabilities, image, 0) == 0).all()  # covering only raises that class


def test_occlusion_asks_once_and_leaves_the_picture_alone() -> None:
    calls = []
    image = draw_images(1)[0]
    before = image.copy()

    def probabilities(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        return corner_probabilities(images)

    occlusion_map(probabilities, image, 1)
    assert calls == [50]
    assert (image == before).all()


def bright_corner_network() -> keras.Model:
    """One convolution passes brightness on, and class 1 is the brightness of the lower right quarter."""
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 3))(x)
    features = keras.layers.AveragePooling2D(4)(x)
    logits = keras.layers.Dense(2, use_bias=False, name="logits")
    outputs = keras.layers.Activation("softmax")(logits(keras.layers.Flatten()(features)))
    kernel = np.zeros((16, 2), np.float32)
    kernel[[10, 11, 14, 15], 1] = 5.0
    logits.set_weights([kernel])
    return keras.Model(inputs, outputs)


def test_grad_cam_follows_the_features_for_a_class() -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[8:, 8:] = 255
    marked = gradient_map(bright_corner_network())(image, 1)
    assert marked.shape == (16, 16) and marked.dtype == np.float32
    assert marked.max() == pytest.approx(1.0)
    assert marked[10:, 10:].mean() > 0.8
    assert marked[:6, :6].mean() < 0.05


@pytest.mark.parametrize("name", ["airbench", "residual", "vgg3"])
def test_grad_cam_works_on_frozen_networks_and_knows_the_classes_apart(name: str) -> None:
    network = build_model(name, 3, 32)
    enliven(network)
    network.trainable = False
    explain, image = gradient_map(network), draw_images(1)[0]
    maps = [explain(image, label) for label in range(3)]
    assert all(marked.min() >= 0 and marked.max() <= 1 for marked in maps)
    assert max(np.abs(maps[0] - other).max() for other in maps[1:]) > 0.01


def test_a_network_without_maps_says_what_can_be_had() -> None:
    inputs = keras.Input((8, 8, 3))
    dense = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs)))
    with pytest.raises(NoMapError, match="no layer of feature maps for Grad-CAM; occlusion looks into any network"):
        gradient_map(dense)


def test_grey_is_the_middle_of_photographs() -> None:
    assert GREY.dtype == np.uint8 and (np.abs(GREY.astype(int) - 120) < 10).all()
