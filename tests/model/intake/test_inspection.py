"""Real files in the process that looks at strangers' files, and without it where only the looking is tested."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from model.common.errors import UnsafeModelError
from model.inference.classifier import load_keras
from model.inference.lite import load_tflite
from model.intake.inspection import Facts, inspect, inspect_here
from model.registry.card import Card
from model.signature.outputs import OUTPUTS
from model.signature.scaling import CONFIRMED, GUESSED, READ
from tests.drawn import draw_images
from tests.foreign import CLASSES, SIDE, layer, sequential, write_keras, write_keras2
from tests.shipped import FAST_INT8


def save(path: Path, *parts: Any, shape: tuple[int | None, ...] = (SIDE, SIDE, 3), dtype: str = "float32") -> Path:
    keras.Sequential([keras.Input(shape, dtype=dtype), *parts]).save(path)
    return path


def head(units: int = CLASSES, activation: str | None = "softmax") -> list[Any]:
    return [layers.GlobalAveragePooling2D(), layers.Dense(units, activation=activation)]


def refusal(path: Path, **wishes: Any) -> str:
    with pytest.raises(UnsafeModelError) as caught:
        inspect_here(path, wishes.get("scaling", ""), wishes.get("size", 0))
    return str(caught.value)


def test_a_network_of_keras_3_in_its_own_process(tmp_path: Path) -> None:
    facts = inspect(write_keras(tmp_path / "a.keras"))
    guess = "nothing in the file says what it was trained with"
    assert facts == Facts(SIDE, CLASSES, 579, 1152, "unit", "probabilities", GUESSED, guess)


def test_a_network_of_keras_2(tmp_path: Path) -> None:
    write_keras2(tmp_path / "a.h5")
    facts = inspect_here(tmp_path / "a.h5", "symmetric", 0)
    assert (facts.input_size, facts.classes, facts.scaling, facts.why) == (SIDE, CLASSES, "symmetric", "as you said")
    assert facts.parameters == 112 + 16 + 36 + 195


def test_an_int8_network_in_its_own_process() -> None:
    facts = inspect(FAST_INT8)
    assert facts == Facts(32, 10, 1971640, 0, "none", "probabilities", READ, "its uint8 input stands for 0 to 255")


def test_a_refusal_comes_out_of_the_process(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "a.keras", sequential(layer("Lambda")))
    with pytest.raises(UnsafeModelError, match="it has a Lambda layer"):
        inspect(path)


def test_a_file_that_takes_for_ever_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeModelError, match="could not be loaded within 0 seconds"):
        inspect(write_keras(tmp_path / "a.keras"), timeout_seconds=0.01)


@pytest.mark.parametrize("cut", [40, 5000, 1_000_000, 2_000_000])
def test_a_damaged_tflite_file_is_refused(tmp_path: Path, cut: int) -> None:
    content = bytearray(FAST_INT8.read_bytes())
    (tmp_path / "a.tflite").write_bytes(content[:cut])
    with pytest.raises(UnsafeModelError):
        inspect(tmp_path / "a.tflite")


def test_scrambled_tflite_files_are_refused_or_answered_but_end_nothing(tmp_path: Path) -> None:
    content = FAST_INT8.read_bytes()
    rng = np.random.default_rng(0)
    for number in range(4):
        scrambled = bytearray(content)
        for place in rng.integers(8, 4000 if number % 2 else len(content), 200):
            scrambled[place] = int(rng.integers(256))
        (tmp_path / "a.tflite").write_bytes(scrambled)
        try:
            assert inspect(tmp_path / "a.tflite").classes >= 2
        except UnsafeModelError as error:
            assert 0 < len(str(error)) < 300


@pytest.mark.parametrize(
    ("parts", "shape", "words"),
    [
        (
            head(),
            (8, 8, 4),
            "it takes (n, 8, 8, 4); pictures are (n, height, width, 3), or (n, height,",
        ),
        ([layers.Flatten(), layers.Dense(3)], (100, 3), "it takes (n, 100, 3); pictures are"),
        ([layers.Dense(3)], (8,), "it takes (n, 8); pictures are"),
        (head(), (8, 1600, 3), "it takes pictures of 8 x 1600 pixels; up to 1024 x 1024 are taken"),
        (head(), (None, None, 3), "it takes pictures of any size; say with --input-size"),
        (head(), (2000, 2000, 3), "it takes pictures of 2000 x 2000 pixels; up to 1024"),
        ([layers.Conv2D(3, 1)], (8, 8, 3), "it gives (n, 8, 8, 3); a classifier gives (n, classes)"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, parts: list[Any], shape: tuple[int, ...], words: str) -> None:
    path = save(tmp_path / "a.keras", *parts, shape=shape)
    assert words in refusal(path)


def test_two_inputs_are_refused(tmp_path: Path) -> None:
    one, two = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([one, two]))
    keras.Model([one, two], layers.Dense(2)(pooled)).save(tmp_path / "a.keras")
    assert refusal(tmp_path / "a.keras") == "it has 2 inputs; one is taken, the picture"


def test_a_fixed_number_of_pictures_is_taken_where_any_other_works_as_well(tmp_path: Path) -> None:
    given = keras.Input(batch_shape=(16, 8, 8, 3))
    keras.Model(given, layers.Dense(2)(layers.Flatten()(given))).save(tmp_path / "a.keras")
    assert inspect_here(tmp_path / "a.keras", "", 0).classes == 2
    rows = layers.Dense(2)(keras.ops.reshape(given, (16, 192)))
    keras.Model(given, rows).save(tmp_path / "a.keras")
    assert refusal(tmp_path / "a.keras") == "it takes exactly 16 pictures at a time; any number should do"


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.keras", *head(), layers.Rescaling(float("inf")))
    assert refusal(path) == "its answers to some pictures of noise are no numbers"


def test_a_network_for_any_size_takes_the_size_wished(tmp_path: Path) -> None:
    path = save(tmp_path / "a.keras", *head(), shape=(None, None, 3))
    assert inspect_here(path, "", 24).input_size == 24
    fixed = save(tmp_path / "b.keras", *head())
    assert refusal(fixed, size=24) == "it takes pictures of 8 x 8 pixels, not of 24 x 24"


@pytest.mark.parametrize(
    ("parts", "dtype", "scaling", "source", "why"),
    [
        ([], "float32", "unit", GUESSED, "nothing in the file says what it was trained with"),
        ([layers.Rescaling(1 / 255)], "float32", "none", READ, "its own arithmetic turns 0 to 255 into 0 to 1"),
        ([layers.Rescaling(2, -1)], "float32", "unit", READ, "its own arithmetic turns 0 to 1 into -1 to 1"),
        ([layers.Rescaling(1 / 255)], "uint8", "none", READ, "its input is whole numbers"),
    ],
)
def test_the_scaling_is_read_or_guessed_and_said(
    tmp_path: Path, parts: list[Any], dtype: str, scaling: str, source: str, why: str
) -> None:
    keras.utils.set_random_seed(0)
    facts = inspect_here(save(tmp_path / "a.keras", *parts, *head(), dtype=dtype), "", 0)
    assert (facts.scaling, facts.source, facts.why) == (scaling, source, why)
    assert inspect_here(tmp_path / "a.keras", "imagenet", 0).source == CONFIRMED
    assert refusal(tmp_path / "a.keras", scaling="loud").startswith("unknown scaling 'loud'; scalings: none, unit")


@pytest.mark.parametrize(
    ("units", "activation", "output", "classes"),
    [
        (3, None, "logits", 3),
        (1, None, "one logit", 2),
        (1, "sigmoid", "one probability", 2),
        (3, "sigmoid", "independent probabilities", 3),
    ],
)
def test_what_the_numbers_mean_is_found_out(
    tmp_path: Path, units: int, activation: str | None, output: str, classes: int
) -> None:
    keras.utils.set_random_seed(1)
    facts = inspect_here(save(tmp_path / "a.keras", *head(units, activation)), "", 0)
    assert (facts.output, facts.classes) == (output, classes)


@pytest.fixture(scope="module")
def float_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that wants 0 to 1, as .keras and as .tflite files, float and with an int8 input."""
    import tensorflow as tf

    from model.export.quantization import silence_converter

    folder: Path = tmp_path_factory.mktemp("networks")
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(8, 3), *head()])
    network.layers[-1].set_weights([8 * weight for weight in network.layers[-1].get_weights()])
    network.save(folder / "float.keras")
    images = draw_images(60, 16).astype(np.float32) / 255
    with silence_converter():
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        (folder / "float.tflite").write_bytes(converter.convert())
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.inference_input_type = converter.inference_output_type = tf.int8
        (folder / "int8.tflite").write_bytes(converter.convert())
    return folder


@pytest.mark.parametrize(("file", "scaling"), [("float.tflite", "unit"), ("int8.tflite", "unit")])
def test_tflite_files_that_want_other_numbers_answer_like_the_original(
    float_network: Path, file: str, scaling: str
) -> None:
    facts = inspect_here(float_network / file, "", 0)
    assert (facts.scaling, facts.input_size, facts.output) == (scaling, 16, "probabilities")
    card = Card("x", ("a", "b", "c"), 16, 0, 0, "", "", "", scaling=facts.scaling, output=facts.output)
    images = draw_images(30, 16, seed=1)
    exact = load_keras(float_network / "float.keras", card)(images)
    given = OUTPUTS[facts.output](load_tflite(float_network / file, card)(images))
    assert exact.std(axis=0).min() > 0.01
    assert np.abs(exact - given).max() < (1e-4 if file == "float.tflite" else 0.05)
    network = keras.models.load_model(float_network / "float.keras")
    assert np.allclose(exact, np.asarray(network(images / np.float32(255))), atol=1e-4)


def test_the_int8_input_says_what_it_stands_for(float_network: Path) -> None:
    assert "its int8 input stands for 0" in inspect_here(float_network / "int8.tflite", "", 0).why


def test_a_path_with_spaces_works(tmp_path: Path) -> None:
    folder = tmp_path / "my models; rm -rf"
    folder.mkdir()
    shutil.copy(FAST_INT8, folder / "a b.tflite")
    assert inspect(folder / "a b.tflite").classes == 10


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_network_of_convolutions_for_any_size_takes_the_size_wished(tmp_path: Path, suffix: str) -> None:
    parts = layers.Rescaling(1 / 255), layers.Conv2D(4, 3, padding="same"), *head()
    path = save(tmp_path / f"a{suffix}", *parts, shape=(None, None, 3))
    facts = inspect_here(path, "", 16, 24)
    assert (facts.input_size, facts.input_width, facts.scaling) == (16, 24, "none")
    assert facts.flops == 2 * (16 * 24 * 3 * 3 * 3 * 4 + 4 * CLASSES)


def test_one_number_that_is_always_1_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.keras", *head(1))
    assert "its one number is a softmax, which is always 1; one number needs a sigmoid" in refusal(path)
