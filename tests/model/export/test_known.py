"""What tells unknown pictures, fitted for a small network on drawn pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from model.__main__ import app
from model.export.known import MIN_HELD_OUT, fit_known
from model.export.quantization import quantize
from model.images.samples import list_samples
from model.inference.classifier import Classifier
from model.registry import store
from model.registry.card import INT8_FILE, KNOWN_FILE, read_card, write_card
from tests.drawn import draw_folder, draw_images, save_untrained

ENGINES = ("keras", "int8")


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["known", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_folder(tmp_path_factory.mktemp("data") / "shapes", 60)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, which is no shape."""
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("others"), np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "drawn"
    network = save_untrained(folder)
    quantize(network, draw_images(60, 32), folder / INT8_FILE)
    write_card(folder, read_card(folder))
    return folder


@pytest.fixture(scope="module")
def fitted(bundle: Path, shapes: Path, others: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A copy of the bundle that was fitted, and what the command printed."""
    folder = tmp_path_factory.mktemp("fitted") / "drawn"
    folder.mkdir()
    for path in bundle.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder, call(folder, "--data", shapes, "--validation", "0.4", "--other", others)


def test_the_command_says_by_what_and_how_well(fitted: tuple[Path, str]) -> None:
    _folder, said = fitted
    assert "drawn recognizes unknown pictures by neighbors, " in said
    assert "neighbors    AUROC " in said
    assert "probability  AUROC " in said
    assert "of 12 other pictures pass" in said


def test_no_answer_of_either_engine_changes(bundle: Path, fitted: tuple[Path, str]) -> None:
    images = draw_images(20, 32, seed=5)
    for engine in ENGINES:
        before, after = (Classifier.load(folder, engine).probabilities(images) for folder in (bundle, fitted[0]))
        assert np.abs(before - after).max() < (1e-6 if engine == "keras" else 1e-9)


def test_about_as_many_held_out_pictures_lie_below_the_thresholds_as_said(fitted: tuple[Path, str]) -> None:
    scores = Classifier.load(fitted[0], "int8").known_scores(draw_images(300, 32, seed=9))
    assert scores is not None
    assert 0.02 < (scores < 0.5).mean() < 0.3
    assert (scores < 0.25).mean() <= (scores < 0.5).mean()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_prediction_has_a_score_and_a_verdict(fitted: tuple[Path, str], engine: str) -> None:
    content = list_samples()[0].path.read_bytes()
    prediction = Classifier.load(fitted[0], engine).classify(content).prediction
    assert prediction.known_score is not None
    expected = "known" if prediction.known_score >= 0.5 else "unsure" if prediction.known_score >= 0.25 else "unknown"
    assert prediction.verdict == expected


def test_the_engines_agree_on_how_known_pictures_are(fitted: tuple[Path, str]) -> None:
    images = draw_images(40, 32, seed=7)
    exact, small = (Classifier.load(fitted[0], engine).known_scores(images) for engine in ENGINES)
    assert exact is not None
    assert small is not None
    assert np.abs(exact - small).mean() < 0.1


def test_without_held_out_pictures_no_verdict_is_invented(bundle: Path) -> None:
    before = read_card(bundle)
    assert fit_known(bundle, draw_images(60, 32), draw_images(MIN_HELD_OUT - 1, 32)) == before
    content = list_samples()[0].path.read_bytes()
    prediction = Classifier.load(bundle, "int8").classify(content).prediction
    assert (prediction.known_score, prediction.verdict) == (None, "")


def test_too_few_held_out_pictures_are_a_sentence(bundle: Path, shapes: Path) -> None:
    result = CliRunner().invoke(app, ["known", str(bundle), "--data", str(shapes), "--validation", "0.1"])
    assert result.exit_code == 1
    assert "pictures to find thresholds with; at least 40 are needed" in result.output


def test_a_damaged_bank_is_a_sentence(fitted: tuple[Path, str], tmp_path: Path) -> None:
    from model.common.errors import BundleError

    for path in fitted[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / KNOWN_FILE).write_bytes(b"else")
    with pytest.raises(BundleError, match="is not the file its card describes"):
        Classifier.load(tmp_path, "int8")
    card = read_card(fitted[0])
    assert card.known is not None
    write_card(tmp_path, dataclasses.replace(card, known=dataclasses.replace(card.known, method="magic")))
    with pytest.raises(BundleError, match="'magic' is not a method to recognize unknown pictures"):
        Classifier.load(tmp_path, "int8")


def test_a_stored_model_is_fitted_in_the_store(
    bundle: Path, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    content = (bundle / "model.keras").read_bytes()
    store.save_model(content, ".keras", "mine", dataclasses.replace(read_card(bundle), name="mine"))
    assert "mine recognizes unknown pictures by neighbors" in call("mine", "--data", shapes, "--validation", "0.4")
    classifier = Classifier.load("mine")
    assert classifier.known_scores(draw_images(3, 32)) is not None
    assert store.load_content(store.find_model("mine").sha256) == content
    store.confirm_scaling("mine", "unit")  # what was fitted was of other numbers
    assert Classifier.load("mine").known_scores(draw_images(3, 32)) is None


def test_an_int8_file_with_features_is_taken_like_any_other(
    fitted: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    card = dataclasses.replace(read_card(fitted[0]), name="mine", outputs=(), known=None)
    store.save_model((fitted[0] / INT8_FILE).read_bytes(), ".tflite", "mine", card)
    images = draw_images(3, 32)
    expected = Classifier.load(fitted[0], "int8").probabilities(images)
    assert (Classifier.load("mine").probabilities(images) == expected).all()
