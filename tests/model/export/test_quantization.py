from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import typer
from ai_edge_litert.interpreter import Interpreter
from typer.testing import CliRunner

from benchmarks.servers import ROOT
from model.cli.quantize import quantize
from model.common.errors import BundleError
from model.datasets.loader import load_dataset
from model.evaluation.paired_test import disagreements
from model.export.quantization import compare_with_int8, silence_converter
from model.images.decoder import to_array
from model.inference.classifier import Classifier
from model.inference.lite import load_tflite
from model.registry.card import INT8_FILE, TFLITE_FILE, read_card, write_card
from model.registry.locations import BUNDLES
from model.registry.resolution import find_bundle
from tests.drawn import draw_folder, draw_images, open_image, save_untrained
from tests.shipped import NAMES

app = typer.Typer()
app.command()(quantize)


def test_disagreements_are_the_pictures_with_two_answers() -> None:
    first = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    second = np.array([[0.8, 0.2], [0.7, 0.3], [0.1, 0.9]])
    (found,) = disagreements(first, second, np.array([0, 1, 1]), ("cat", "dog"))
    assert (found.index, found.label, found.first.label, found.second.label) == (1, "dog", "dog", "cat")
    assert (found.first.probability, found.second.probability) == (0.6, 0.7)
    assert disagreements(first, first, np.array([0, 1, 1]), ("cat", "dog")) == []


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "shapes", 20)


def test_both_accuracies_both_sizes_and_what_differs(shapes: Path, tmp_path: Path) -> None:
    save_untrained(tmp_path / "raw")
    out = tmp_path / "raw.tflite"
    result = CliRunner().invoke(
        app, ["--model", str(tmp_path / "raw"), "--data", str(shapes), "--out", str(out), "--most", "1"]
    )
    assert result.exit_code == 0, result.output
    text = result.output
    for engine, path in (("keras", tmp_path / "raw" / "model.keras"), ("int8", out)):
        assert f"raw ({engine}): {path.stat().st_size / 1000:,.0f} KB, accuracy" in text
    assert "on shapes test, all 6" in text
    assert "raw has no run here that says which pictures its training held out" in result.stderr
    test = load_dataset(shapes, 32, validation=0.0, test=0.1).test
    rows = [
        Classifier.load(tmp_path / "raw").probabilities(test.images),
        load_tflite(out, read_card(tmp_path / "raw"))(test.images),
    ]
    differing = int(np.sum(rows[0].argmax(axis=1) != rows[1].argmax(axis=1)))
    assert f"they disagree on {differing} of 6 test pictures" in text
    assert text.count("picture ") == min(differing, 1)


def test_what_a_run_held_out_is_held_out_again(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    save_untrained(tmp_path / "raw")
    run = tmp_path / "home" / "runs" / "raw"
    run.mkdir(parents=True)
    (run / "recipe.toml").write_text("[data]\nvalidation = 0.2\ntest = 0.3\nseed = 5\n")
    learnt, said = list[np.ndarray](), list[str]()

    def conversion(network: keras.Model, images: np.ndarray, path: Path) -> None:
        learnt.append(images)
        raise InterruptedError

    monkeypatch.setattr("model.export.quantization.quantize", conversion)
    with pytest.raises(InterruptedError):
        compare_with_int8(str(tmp_path / "raw"), shapes, tmp_path / "a.tflite", said.append)
    np.testing.assert_array_equal(learnt[0], load_dataset(shapes, 32, 0.2, 0.3, 5).train.images)
    assert said == []


def test_too_few_pictures_to_test_on_are_said_before_the_conversion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def conversion(*_arguments: object) -> None:
        pytest.fail("it was converted all the same")

    monkeypatch.setattr("model.export.quantization.quantize", conversion)
    save_untrained(tmp_path / "raw")
    few = draw_folder(tmp_path / "few", 5)
    result = CliRunner().invoke(app, ["--model", str(tmp_path / "raw"), "--data", str(few)])
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: {few} leaves no picture to test on; give it a folder test/, or more than five pictures in a class\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "nobody"], "error: unknown model 'nobody'"),
        (["--model", str(BUNDLES / "fast")], "error: the network has no class 'circle'; its classes: airplane"),
        (["--out", "int8.bin"], "int8.bin should end in .tflite"),
    ],
)
def test_what_cannot_be_is_a_sentence(arguments: list[str], sentence: str, shapes: Path) -> None:
    result = CliRunner().invoke(app, ["--data", str(shapes), *arguments])
    assert result.exit_code != 0
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_a_network_that_the_converter_refuses_is_a_sentence(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_untrained(tmp_path / "raw")

    def refuse(network: keras.Model, images: np.ndarray, path: Path) -> None:
        raise TypeError("Could not locate function 'own'.\nFull config: {'a': 1}")

    monkeypatch.setattr("model.export.quantization.quantize", refuse)
    result = CliRunner().invoke(app, ["--data", str(shapes), "--model", str(tmp_path / "raw")])
    assert result.exit_code == 1
    assert result.output.endswith("error: 'raw' cannot be turned into int8: Could not locate function 'own'.\n")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_int8_file_gives_probabilities_of_which_energies_can_be_taken(name: str) -> None:
    classifier = Classifier.load(name, "int8")
    photos = sorted((ROOT / "sample_images").glob("*.jpg"))
    size = classifier.card.input_size
    rows = np.concatenate([classifier.probabilities(to_array(open_image(photo), size)[None]) for photo in photos])
    assert np.abs(rows.sum(axis=1) - 1).max() < 1e-5
    assert np.isfinite(np.log(rows)).all()
    assert len(np.unique(rows)) > 0.95 * rows.size
    (given,) = Interpreter(model_path=str(find_bundle(name) / INT8_FILE)).get_input_details()
    assert given["shape_signature"].tolist() == [1, size, size, 3]


def test_an_int8_file_of_before_answers_as_it_did(tmp_path: Path) -> None:
    """Int8 to the end, and for any number of pictures at a time."""
    keras.utils.set_random_seed(0)
    network = save_untrained(tmp_path / "raw")
    images = draw_images(30)
    floating = keras.Input((32, 32, 3))
    clone = keras.models.clone_model(network, input_tensors=floating)
    clone.set_weights(network.get_weights())
    with silence_converter():
        converter = tf.lite.TFLiteConverter.from_keras_model(clone)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None].astype(np.float32)] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type, converter.inference_output_type = tf.uint8, tf.float32
        (tmp_path / "raw" / INT8_FILE).write_bytes(converter.convert())
    write_card(tmp_path / "raw", read_card(tmp_path / "raw"))
    rows = Classifier.load(tmp_path / "raw", "int8").probabilities(images)
    exact = Classifier.load(tmp_path / "raw").probabilities(images)
    assert np.mean(rows.argmax(axis=1) == exact.argmax(axis=1)) > 0.8
    assert np.array_equal(rows * 256, np.round(rows * 256))


def test_a_network_that_is_a_tflite_file_only_is_a_sentence(tmp_path: Path) -> None:
    save_untrained(tmp_path / "raw")
    (tmp_path / "raw" / "model.keras").rename(tmp_path / "raw" / TFLITE_FILE)
    write_card(tmp_path / "raw", read_card(tmp_path / "raw"))
    with pytest.raises(BundleError, match=r"raw' is a \.tflite file, which cannot be turned into int8"):
        compare_with_int8(str(tmp_path / "raw"), None, tmp_path / "a.tflite")
