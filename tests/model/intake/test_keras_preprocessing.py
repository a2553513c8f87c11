"""Networks that prepare their pictures themselves, each saved and loaded as its maker would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import applications, layers, ops

from model.inference.classifier import read_network
from model.intake.keras_preprocessing import read_preprocessing
from model.signature.scaling import READ
from model.signature.shapes import InputShape

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
CAFFE = np.array([103.939, 116.779, 123.68], np.float32)
SIDE = 16
SHAPE = InputShape(SIDE, SIDE)


def loaded(path: Path, prepare: Callable[[Any], Any]) -> keras.Model:
    """A network that begins with `prepare`, after a way through a file; its first weights are in an inner network."""
    pictures = keras.Input((SIDE, SIDE, 3))
    prepared = prepare(pictures)
    given = keras.Input(tuple(prepared.shape[1:]))
    inner = keras.Model(given, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(given)))
    keras.Model(pictures, layers.Dense(3)(inner(prepared))).save(path)
    return read_network(path)


def reversed_by_slices(pictures: Any) -> Any:
    return ops.stack([pictures[..., place] for place in (2, 1, 0)], axis=-1)


def augmented(pictures: Any) -> Any:
    """An inner network that only prepares, as tutorials put augmentation and scaling together."""
    return keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1), layers.Rescaling(1 / 255)])(pictures)


def augmented_in_every_way(pictures: Any) -> Any:
    """Layers that change pictures in training alone, with settings that would change each of these."""
    ways = [layers.RandomPosterization(4), layers.RandomColorDegeneration(0.5), layers.RandAugment(), layers.AugMix()]
    ways += [layers.RandomPerspective(), layers.RandomGaussianBlur(), layers.RandomInvert(), layers.RandomHue(0.5)]
    ways += [
        layers.RandomElasticTransform(),
        layers.RandomSharpness(0.5),
        layers.RandomErasing(),
    ]
    return keras.Sequential([*ways, layers.Rescaling(1 / 255)])(pictures)


PREPARED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "preprocess_input of MobileNetV2": (applications.mobilenet_v2.preprocess_input, "none"),
    "preprocess_input of DenseNet": (applications.densenet.preprocess_input, "none"),
    "preprocess_input of ResNet50": (applications.resnet50.preprocess_input, "none"),
    "divided": (lambda pictures: pictures / 255.0, "none"),
    "by 256": (lambda pictures: ops.cast(pictures, "float32") * (1 / 256), "none"),
    "blue first": (lambda pictures: pictures[..., ::-1] - CAFFE, "none"),
    "blue first by a split": (
        lambda pictures: ops.concatenate(ops.split(pictures, 3, axis=-1)[::-1], axis=-1) / 127.5 - 1,
        "none",
    ),
    "normalised by a layer, of 255": (
        lambda pictures: layers.Normalization(mean=33.0, variance=78.0**2)(pictures),
        "none",
    ),
    "normalised by a layer, of 1": (
        lambda pictures: layers.Normalization(mean=MEAN, variance=np.square(STD).tolist())(pictures),
        "unit",
    ),
    "0 to 1 made -1 to 1": (lambda pictures: pictures * 2 - 1, "unit"),
    "0 to 1 less a half": (lambda pictures: layers.Rescaling(1.0, -0.5)(pictures), "unit"),
    "0 to 1 made 0 to 255": (lambda pictures: 255 * pictures, "unit"),
    "-1 to 1 made 0 to 1": (lambda pictures: (pictures + 1) / 2, "symmetric"),
    "-1 to 1 made 0 to 255": (lambda pictures: layers.Rescaling(127.5, 127.5)(pictures), "symmetric"),
    "resized, padded": (lambda pictures: layers.ZeroPadding2D(3)(layers.Resizing(24, 24)(pictures / 255)), "none"),
    "augmented": (augmented, "none"),
    "augmented in every way": (augmented_in_every_way, "none"),
    "blue first by a list": (lambda pictures: ops.take(pictures, [2, 1, 0], axis=-1) - CAFFE, "none"),
    "resized by an operation": (lambda pictures: ops.image.resize(pictures, (24, 24)) / 255, "none"),
    "made grey": (lambda pictures: ops.image.rgb_to_grayscale(pictures) / 255, "none"),
    "made grey by a mean": (lambda pictures: ops.mean(pictures, axis=-1, keepdims=True) / 255, "none"),
    "then a ReLU": (lambda pictures: layers.ReLU()(pictures / 255), "none"),
}


@pytest.mark.parametrize("kind", PREPARED)
def test_arithmetic_before_the_first_weights_is_read(tmp_path: Path, kind: str) -> None:
    prepare, scaling = PREPARED[kind]
    found = read_preprocessing(loaded(tmp_path / "a.keras", prepare), SHAPE)
    assert found is not None
    assert (found.scaling, found.source) == (scaling, READ)


@pytest.mark.parametrize(
    "prepare",
    [
        lambda pictures: pictures,
        reversed_by_slices,
        lambda pictures: ops.flip(pictures, -1),
        lambda pictures: layers.RandomFlip()(pictures),
        lambda pictures: pictures - ops.mean(pictures, axis=(1, 2, 3), keepdims=True),
        lambda pictures: layers.Normalization()(pictures),  # that was never adapted
        lambda pictures: layers.MaxPooling2D()(pictures),
    ],
)
def test_nothing_is_read_where_nothing_is_said(tmp_path: Path, prepare: Callable[[Any], Any]) -> None:
    assert read_preprocessing(loaded(tmp_path / "a.keras", prepare), SHAPE) is None


def test_what_was_done_is_said() -> None:
    network = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), layers.Rescaling(1 / 127.5, -1), layers.Flatten(), layers.Dense(2)]
    )
    found = read_preprocessing(network, SHAPE)
    assert found is not None
    assert found.why == "its own arithmetic turns 0 to 255 into -1 to 1"


def test_branches_that_scale_differently_say_nothing() -> None:
    pictures = keras.Input((SIDE, SIDE, 3))
    branches = [layers.Conv2D(2, 3)(pictures / 255), layers.Conv2D(2, 3)(pictures / 127.5 - 1)]
    assert read_preprocessing(keras.Model(pictures, layers.Add()(branches)), SHAPE) is None


@pytest.mark.parametrize(
    ("mean", "std", "scaling"),
    [
        ([0.49, 0.48, 0.45], [0.25, 0.24, 0.26], "unit"),
        ([125, 123, 114], [63, 62, 67], "none"),
        ([-0.02, -0.04, -0.1], [0.5, 0.5, 0.5], "symmetric"),
        ([0.01, 0.0, 0.02], [1, 1, 1], "standard"),
        ([10, 5, 1], [67, 62, 63], "caffe"),
        ([0, 0, 0], [1, 1, 1], None),  # never trained
        ([0.13, 0.13, 0.13], [0.31, 0.31, 0.31], None),  # white figures on black: as 0 to 1, or as -1 to 1
    ],
)
def test_batch_normalisation_of_the_pictures_remembers_what_they_were(
    mean: list[float], std: list[float], scaling: str | None
) -> None:
    normalisation = layers.BatchNormalization()
    network = keras.Sequential([keras.Input((SIDE, SIDE, 3)), normalisation, layers.Flatten(), layers.Dense(2)])
    # What it learnt to make of them is its own matter.
    normalisation.set_weights([np.full(3, 0.1), np.full(3, 7.0), np.array(mean), np.square(std)])
    found = read_preprocessing(network, SHAPE)
    assert (found.scaling if found else None) == scaling


def test_one_channel_of_grey_is_read() -> None:
    grey = keras.Input((28, 28, 1))
    coloured = layers.Concatenate()([grey / 255] * 3)
    found = read_preprocessing(keras.Model(grey, layers.Dense(2)(layers.Flatten()(coloured))), InputShape(28, 28, 1))
    assert found is not None
    assert found.scaling == "none"
