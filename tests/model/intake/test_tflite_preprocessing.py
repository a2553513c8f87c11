"""What .tflite files want for a pixel, made by TensorFlow's converter with its usual settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from model.common.errors import UnsafeModelError
from model.export.quantization import silence_converter
from model.inference.lite import images_to_tensor, load_tflite, takes_pixels
from model.intake.inspection import inspect_here
from model.registry.card import Card
from model.signature.scaling import GUESSED, READ, SCALINGS

SIDE = 16


def brightness(prepare: Callable[[Any], Any], threshold: float, width: float, size: int | None = SIDE) -> keras.Model:
    """Two classes: the second where the mean of what it is given is above a threshold of numbers so far apart."""
    pictures = keras.Input((size, size, 3))
    convolution = layers.Conv2D(1, 3, padding="same")  # without padding, the converter makes arithmetic part of it
    head = layers.Dense(2, "softmax")
    answer = head(layers.GlobalAveragePooling2D()(convolution(prepare(pictures))))
    convolution.set_weights([np.full((3, 3, 3, 1), 1 / 27), np.zeros(1)])
    weight = 20 / width
    head.set_weights([np.array([[-weight, weight]]), np.array([weight * threshold, -weight * threshold])])
    return keras.Model(pictures, answer)


def same(pictures: Any) -> Any:
    return pictures


def converted(network: keras.Model, ends: tuple[float, float] | None = None, given: Any = None) -> bytes:
    """ends: the numbers that it is calibrated on, for an int8 file; given: the dtype of its input."""
    import tensorflow as tf

    with silence_converter():
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        if ends is not None:
            levels = np.linspace(*ends, 16, dtype=np.float32)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([np.full((1, SIDE, SIDE, 3), level)] for level in levels)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.as_dtype(given or np.float32)
        content: bytes = converter.convert()
    return content


def right(path: Path, card: Card) -> bool:
    """Whether a dark and a bright picture are told apart."""
    side = card.input_size
    pictures = np.stack([np.full((side, side, 3), level, np.uint8) for level in (50, 205)])
    return load_tflite(path, card)(pictures).argmax(axis=1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("prepare", "threshold", "width", "scaling"),
    [
        (lambda pictures: pictures / 127.5 - 1, 0.0, 2.0, "none"),
        (lambda pictures: pictures[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32), 12.0, 255.0, "none"),
        (lambda pictures: layers.Normalization(mean=[0.48] * 3, variance=[0.05] * 3)(pictures), 0.0, 4.5, "unit"),
    ],
)
def test_arithmetic_in_a_float_file_is_read(
    tmp_path: Path, prepare: Callable[[Any], Any], threshold: float, width: float, scaling: str
) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(converted(brightness(prepare, threshold, width)))
    facts = inspect_here(path, "", 0)
    assert (facts.scaling, facts.source) == (scaling, READ)
    assert right(path, Card("", ("a", "b"), SIDE, 0, 0, "", "", "", scaling=facts.scaling))


@pytest.mark.parametrize("given", [None, np.int8, np.uint8])
@pytest.mark.parametrize(
    ("ends", "scaling"),
    [((0.0, 230.0), "none"), ((0.0, 0.9), "unit"), ((-1.0, 0.9), "symmetric"), ((-118.0, 149.0), "caffe")],
)
def test_what_it_was_calibrated_on_tells_the_convention(
    tmp_path: Path, ends: tuple[float, float], scaling: str, given: Any
) -> None:
    path = tmp_path / "a.tflite"
    low, high = SCALINGS[scaling].value_range
    path.write_bytes(converted(brightness(same, (low + high) / 2, high - low), ends, given))
    facts = inspect_here(path, "", 0)
    assert (facts.scaling, facts.source) == (scaling, READ)
    assert "input stands for" in facts.why
    assert right(path, Card("", ("a", "b"), SIDE, 0, 0, "", "", "", scaling=facts.scaling))


def test_a_float_file_of_which_nothing_is_known_is_tried(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(converted(brightness(same, 127.0, 255.0)))
    facts = inspect_here(path, "", 0)
    assert facts.scaling == "none"
    assert facts.why == "as unit it says the same of all sample pictures, as none it does not"


def test_a_file_for_any_size_asks_for_one_and_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(converted(brightness(lambda pictures: pictures / 255, 0.5, 1.0, size=None)))
    with pytest.raises(UnsafeModelError, match="it takes pictures of any size; say with --input-size how large"):
        inspect_here(path, "", 0)
    facts = inspect_here(path, "", 24)
    assert (facts.input_size, facts.scaling) == (24, "none")
    assert right(path, Card("", ("a", "b"), 24, 0, 0, "", "", "", scaling=facts.scaling))


@pytest.mark.parametrize(
    ("step", "zero", "raw"),
    [(1.0, 0, True), (0.9972, 0, True), (0.0, 0, True), (1 / 255, 0, True), (1 / 127.5, 128, True), (0.9, 0, False)],
)
def test_uint8_inputs_get_the_pixels_unless_they_have_other_steps(step: float, zero: int, raw: bool) -> None:
    details = {"dtype": np.uint8, "quantization": (step, zero)}
    picture = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
    assert takes_pixels(details) is raw
    given = images_to_tensor(picture, SCALINGS["none"], details)
    assert (given is picture) is raw
    assert given.dtype == np.uint8
    if not raw:
        assert np.abs(given * step - picture).max() <= step / 2


@pytest.mark.parametrize(
    ("prepare", "half", "expected"),
    [
        (lambda pictures: pictures / 255.0, False, "none"),
        (lambda pictures: layers.Rescaling(1 / 255)(layers.Resizing(24, 24)(pictures)), True, "none"),
        (same, False, "unit"),
        (same, True, "unit"),
    ],
)
def test_a_division_that_the_converter_made_part_of_the_weights_shows_in_their_size(
    tmp_path: Path, prepare: Callable[[Any], Any], half: bool, expected: str
) -> None:
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    pictures = keras.Input((SIDE, SIDE, 3))
    seen = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(prepare(pictures)))
    with silence_converter():
        converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(pictures, layers.Dense(3, "softmax")(seen)))
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        (tmp_path / "a.tflite").write_bytes(converter.convert())
    facts = inspect_here(tmp_path / "a.tflite", "", 0)
    assert (facts.scaling, facts.source) == (expected, GUESSED)
    assert ("weights are as small" in facts.why) is (expected == "none")


@pytest.mark.parametrize("given", ["float32", "int8", "uint8"])
def test_arithmetic_in_a_quantised_file_is_read_where_ranges_are_shared(tmp_path: Path, given: str) -> None:
    """Blue first and less a mean: the converter gives the picture and the difference one range, -124 to 255."""
    caffe = keras.applications.resnet50.preprocess_input
    (tmp_path / "a.tflite").write_bytes(converted(brightness(caffe, 0, 255), (0, 255), np.dtype(given)))
    facts = inspect_here(tmp_path / "a.tflite", "", 0)
    assert (facts.scaling, facts.source) == ("none", READ)
    assert right(tmp_path / "a.tflite", Card("", ("dark", "bright"), SIDE, 0, 0, "", "", "", scaling="none"))
