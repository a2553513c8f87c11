from __future__ import annotations

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from model.cli.predict_files import answer_locally
from model.common.errors import BundleError
from model.export.quantization import quantize
from model.images.decoder import InvalidImage
from model.inference.classifier import BATCH_SIZE, ENGINES, Classifier, NoProbabilities, load_keras, read_network
from model.registry.card import read_card, write_card
from tests.drawn import SHAPES, draw_images, encode, save_untrained
from tests.shipped import FAST_CARD


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("bundles") / "small"
    network = save_untrained(folder, size=16)
    quantize(network, draw_images(60, 16), folder / "model-int8.tflite")
    write_card(folder, read_card(folder))
    return folder


@pytest.fixture(scope="module", params=ENGINES)
def classifier(request: pytest.FixtureRequest, bundle: Path) -> Classifier:
    return Classifier.load(bundle, request.param)


def test_engines_agree_roughly(bundle: Path) -> None:
    exact, small = (Classifier.load(bundle, engine).probabilities(draw_images(60, 16, seed=1)) for engine in ENGINES)
    assert exact.std(axis=0).min() > 0.02  # the answers differ, so agreement means something
    assert np.abs(exact - small).mean() < 0.02
    assert np.mean(exact.argmax(axis=1) == small.argmax(axis=1)) > 0.8


def test_a_batch_gives_what_single_pictures_give(classifier: Classifier) -> None:
    images = draw_images(BATCH_SIZE + 44, 16)
    rows = classifier.probabilities(images)
    assert rows.shape == (BATCH_SIZE + 44, 3)
    assert rows.dtype == np.float32
    assert np.allclose(rows.sum(axis=1), 1.0, atol=0.02)
    for index in (0, 1, BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 43):
        assert np.allclose(classifier.probabilities(images[index : index + 1])[0], rows[index], atol=1e-5)


DEEP = """
import sys, keras
sys.setrecursionlimit(9000)
pictures = keras.Input((8, 8, 3), dtype="uint8")
x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pictures))
for _ in range(600):
    x = keras.layers.Activation("relu")(x)
keras.Model(pictures, keras.layers.Dense(2, activation="softmax")(x)).save(sys.argv[1])
"""


def test_a_network_of_more_layers_than_python_has_calls_is_read(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", DEEP, str(tmp_path / "deep.keras")], check=True, capture_output=True)
    assert len(read_network(tmp_path / "deep.keras").layers) == 604


def test_no_picture_gives_no_row(classifier: Classifier) -> None:
    assert classifier.probabilities(np.zeros((0, 16, 16, 3), np.uint8)).shape == (0, 3)


def test_threads_do_not_mix_answers(classifier: Classifier) -> None:
    images = draw_images(160, 16)
    serial = classifier.probabilities(images)
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda image: classifier.probabilities(image[None])[0], images))
        parts = list(pool.map(classifier.probabilities, np.split(images, 16)))
    assert np.allclose(np.stack(rows), serial, atol=1e-5)
    assert np.allclose(np.concatenate(parts), serial, atol=1e-5)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 16, 16, 3), np.float32),
        np.zeros((1, 32, 32, 3), np.uint8),
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((1, 16, 16, 1), np.uint8),
    ],
)
def test_other_arrays_are_refused(classifier: Classifier, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"images are .* \(.*\); the network takes uint8 \(n, 16, 16, 3\)"):
        classifier.probabilities(images)


def test_a_file_is_answered_in_sorted_probabilities(classifier: Classifier) -> None:
    image = Image.fromarray(draw_images(1, 16)[0])
    look = classifier.classify(encode(image, "PNG"))
    assert np.array_equal(look.seen, np.asarray(image))
    values = [score.probability for score in look.prediction.scores]
    assert values == sorted(values, reverse=True)
    assert {score.label for score in look.prediction.scores} == set(SHAPES)
    row = classifier.probabilities(np.asarray(image)[None])[0]
    assert look.prediction.best.index == row.argmax()
    assert look.prediction.best.probability == pytest.approx(row.max(), abs=1e-5)
    assert look.prediction.model == "small"
    assert 0 < look.prediction.milliseconds < 10_000


def test_a_bad_file_is_refused(classifier: Classifier) -> None:
    with pytest.raises(InvalidImage, match="empty"):
        classifier.classify(b"")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_no_probabilities_are_a_sentence(tmp_path: Path, bundle: Path, value: float) -> None:
    rows = np.array([[0.5, 0.5, value]], np.float32)
    broken = Classifier(read_card(bundle), "keras", lambda images: rows)
    sentence = "model 'small' returned something other than probabilities for this picture"
    path = tmp_path / "a.png"
    path.write_bytes(encode(Image.fromarray(draw_images(1, 16)[0]), "PNG"))
    with pytest.raises(NoProbabilities, match=f"^{sentence}$"):
        broken.classify(path.read_bytes())
    assert [asked.error for asked in answer_locally(broken)([path])] == [sentence]  # as `predict` shows it


def test_logits_of_few_bits_become_probabilities_of_many(bundle: Path) -> None:
    rng = np.random.default_rng(0)
    logits = keras.ops.convert_to_numpy(keras.ops.cast(rng.normal(0, 2, (4, 1000)), "bfloat16"))
    card = dataclasses.replace(read_card(bundle), classes=tuple(map(str, range(1000))), output="logits", known=None)
    found = Classifier(card, "keras", lambda images: logits[: len(images)]).probabilities(draw_images(4, 16))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_an_unknown_engine_lists_the_known(bundle: Path) -> None:
    with pytest.raises(ValueError, match="unknown engine 'onnx'; engines: keras, int8"):
        Classifier.load(bundle, "onnx")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_tampered_file_is_refused(tmp_path: Path, bundle: Path, engine: str) -> None:
    file = ENGINES[engine][0]
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "card.json").write_bytes((bundle / "card.json").read_bytes())
    (tmp_path / file).write_bytes(content)
    with pytest.raises(BundleError, match="SHA-256"):
        Classifier.load(tmp_path, engine)


def test_code_in_a_network_does_not_run(tmp_path: Path, bundle: Path) -> None:
    marker = str(tmp_path / "marker")
    trap = keras.layers.Lambda(
        lambda x: __import__("pathlib").Path(marker).write_text("ran") and x, output_shape=(16, 16, 3)
    )
    keras.Sequential([keras.Input((16, 16, 3), dtype="uint8"), trap]).save(tmp_path / "model.keras")
    write_card(tmp_path, dataclasses.replace(read_card(bundle), files={}))
    with pytest.raises(ValueError, match="Lambda"):
        Classifier.load(tmp_path)
    assert not Path(marker).exists()
    keras.models.load_model(tmp_path / "model.keras", safe_mode=False)(np.zeros((1, 16, 16, 3), np.uint8))
    assert Path(marker).exists()  # so the file did hold the trap


IMPORTED = "; import sys; print(*sorted({'tensorflow', 'keras', 'streamlit', 'fastapi'} & set(sys.modules)))"


def heavy_modules(code: str) -> str:
    """Which of the heavy libraries are imported after `code` ran in a Python of its own."""
    return subprocess.run(
        [sys.executable, "-c", code + IMPORTED], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_classifier_is_light_to_import() -> None:
    assert heavy_modules("import model.inference.classifier") == ""
    assert heavy_modules("import keras") == "keras tensorflow"


def test_int8_needs_no_tensorflow(bundle: Path) -> None:
    code = (
        f"import numpy; from model.inference.classifier import Classifier; c = Classifier.load({str(bundle)!r}, 'int8')"
    )
    assert heavy_modules(code + "; c.probabilities(numpy.zeros((1, 16, 16, 3), numpy.uint8))") == ""


def test_layers_that_change_pictures_while_training_leave_them_alone(tmp_path: Path) -> None:
    parts = [
        keras.Input((8, 8, 3)),
        keras.layers.RandomFlip(),
        keras.layers.RandomRotation(0.5),
        keras.layers.Flatten(),
    ]
    keras.Sequential(parts).save(tmp_path / "a.keras")
    forward = load_keras(tmp_path / "a.keras", dataclasses.replace(FAST_CARD, input_size=8))
    images = draw_images(20, 8)
    assert np.array_equal(forward(images), images.reshape(20, -1))
