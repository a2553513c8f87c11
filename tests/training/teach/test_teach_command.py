"""The whole way with the backbone that ships: folders in, a model out that answers everywhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from model.inference.classifier import Classifier
from model.registry.card import read_card
from model.registry.catalog import TRAINED, list_entries
from tests.drawn import SHAPES
from tests.training.teach.taught import scene
from training.cli.main import app
from training.cli.teach import _find_name
from training.projects.archive import add_folder
from training.projects.project import Project
from training.projects.shelf import list_projects, open_project
from training.teach.backbone import load_backbone
from training.teach.bundle import pack_model
from training.teach.features import read_pixels
from training.teach.kept import is_current, read_taught
from training.teach.teach import teach

pytestmark = pytest.mark.train


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures") / "shapes"
    for shape in SHAPES:
        (root / shape).mkdir(parents=True)
        for number in range(8):
            scene(shape, number).save(root / shape / f"{number}.png")
    scene("stripes", 100).save(root / "circle" / "planted.png")
    scene("square", 3).resize((90, 90)).save(root / "square" / "again.jpg", quality=80)
    (root / "circle" / "note.jpg").write_text("hello")
    return root


@pytest.fixture(scope="module")
def taught(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITRINE_HOME", str(tmp_path_factory.mktemp("home")))
        yield run("teach", shapes, "--careful", "0.9")


@pytest.fixture(scope="module")
def bundle(taught: Result) -> Path:
    return next(entry.folder for entry in list_entries() if entry.name == "shapes" and entry.origin == TRAINED)


def test_it_prints_what_it_found(taught: Result) -> None:
    assert taught.exit_code == 0, taught.output
    assert "26 pictures added, 0 known already, 1 left out" in taught.output
    assert "note.jpg: This file is not an image" in taught.output
    assert "shapes: 26 pictures (circle 9, square 9, stripes 8)" in taught.output
    assert "! A picture in circle looks like stripes" in taught.output and "(circle/planted.png)" in taught.output
    assert "2 pictures look alike; they count as 1 picture when held out. (square/3.png, square/again.jpg)" in (
        taught.output.replace("square/again.jpg, square/3.png", "square/3.png, square/again.jpg")
    )
    assert "It calls about 10% of pictures like yours “none of these”." in taught.output
    assert "model shapes: model.keras" in taught.output and "model-int8.tflite" in taught.output


def test_the_card_says_what_was_taught_and_how_well(bundle: Path) -> None:
    card = read_card(bundle)
    assert card.classes == SHAPES and card.recipe == "teach" and card.dataset == "shapes" and card.known is not None
    assert card.accuracy["cross-validation"]["n"] == 26 and card.accuracy["cross-validation"]["keras"] > 0.8


@pytest.mark.parametrize("engine", ["keras", "int8"])
def test_both_files_answer_and_know_strangers(bundle: Path, shapes: Path, engine: str) -> None:
    classifier = Classifier.load(bundle, engine)
    for shape in SHAPES:
        look = classifier.classify((shapes / shape / "5.png").read_bytes())
        assert look.prediction.best.label == shape and look.prediction.verdict == "known"
    noise = np.random.default_rng(0).integers(0, 255, (1, 224, 224, 3), dtype=np.uint8)
    assert (classifier.known_scores(noise) or [1])[0] < 0.25


def test_keras_alone_loads_the_file_and_gives_the_taught_answers(bundle: Path) -> None:
    import keras

    network = keras.saving.load_model(bundle / "model.keras")
    project, backbone = open_project("shapes"), load_backbone()
    kept = read_taught(project, backbone)
    assert kept is not None and is_current(project, kept)
    images = np.stack([read_pixels(project.content(picture.sha256)) for picture in project.pictures()[:6]])
    expected = kept.head.probabilities(backbone.features(images))
    np.testing.assert_allclose(network.predict(images, verbose=0), expected, atol=1e-4)


def test_a_visitor_takes_the_network_along(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    project = Project("mine")
    add_folder(project, shapes)
    taught = teach(project)
    with zipfile.ZipFile(io.BytesIO(pack_model(project, taught, load_backbone(), "mine"))) as archive:
        archive.extractall(tmp_path)
    look = Classifier.load(tmp_path / "mine").classify((shapes / "square" / "5.png").read_bytes())
    assert look.prediction.best.label == "square" and look.prediction.verdict == "known"
    assert not (tmp_path / "home").exists()


def test_it_goes_on_with_more_pictures(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    scene("circle", 40).save(tmp_path / "more" / "40.png")
    again = run("teach", "--add", "circle", tmp_path / "more")
    assert again.exit_code == 0, again.output
    assert "1 pictures added" in again.output and "circle 10" in again.output
    assert "Compared with the network in use, on the same 27 pictures:" in again.output
    assert read_card(bundle).accuracy["cross-validation"]["n"] == 27


def test_projects_are_managed_on_the_command_line(taught: Result, tmp_path: Path) -> None:
    assert run("projects", "export", "shapes", tmp_path / "shapes.zip").exit_code == 0
    assert run("projects", "rename", "shapes", "forms").exit_code == 0
    assert "forms" in run("projects").output
    gone = run("projects", "rm", "forms", "--yes")
    assert list_projects() == []
    assert run(*gone.output.split()[4:7], "forms").exit_code == 2  # as it is printed, and nothing after it
    assert run("projects", "restore", gone.output.split()[6]).exit_code == 0
    assert run("projects", "rename", "forms", "shapes").exit_code == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["--name", "nobody"], "unknown project 'nobody'"),
        (["--careful", "0.2"], "0.5 to 0.99"),
    ],
)
def test_what_cannot_be_is_a_sentence(taught: Result, words: list[str], sentence: str) -> None:
    result = run("teach", *words)
    assert result.exit_code == 1 and sentence in result.output


def test_a_folder_whose_name_a_project_cannot_have_needs_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    (tmp_path / "meus animais").mkdir()
    refused = run("teach", tmp_path / "meus animais")
    assert refused.exit_code == 1 and list_projects() == []
    assert "'meus animais' cannot be a name; letters" in refused.output
    assert refused.output.endswith("; --name gives the project another\n")


def test_a_name_that_another_model_has_is_refused_at_once(taught: Result, shapes: Path) -> None:
    result = run("teach", shapes, "--name", "best")
    assert result.exit_code == 1 and "there is a model or a run 'best' already" in result.output


def test_what_fails_leaves_no_project_behind(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    (tmp_path / "empty").mkdir()
    assert "has no folders" in run("teach", tmp_path / "empty").output
    assert "there is a model or a run 'best' already" in run("teach", shapes, "--name", "best").output
    (tmp_path / "torn.zip").write_bytes(b"no archive")
    assert run("teach", "--zip", tmp_path / "torn.zip").exit_code == 1
    assert list_projects() == []


def test_a_folder_gives_its_whole_name_and_a_file_its_name_without_the_suffix(tmp_path: Path) -> None:
    for year in (2024, 2025):
        (tmp_path / f"photos.{year}").mkdir()
    (tmp_path / "photos.2026.zip").write_bytes(b"")
    names = [_find_name(tmp_path / f"photos.{year}", None, "") for year in (2024, 2025)]
    assert names == ["photos.2024", "photos.2025"]
    assert _find_name(None, tmp_path / "photos.2026.zip", "") == "photos.2026"
