from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.datasets.loader import load_test
from model.inference.classifier import Classifier
from tests.drawn import draw, draw_cifar10, draw_folder, save_untrained
from training.cli.main import app
from training.engine.launch import read_data
from training.recipes.recipe_file import load_recipe
from training.runs.series import recipe_results

pytestmark = pytest.mark.train

TINY = (
    "model.input_size=16",
    "model.widths=[8, 16, 16]",
    "batch_size=8",
    "epochs=1",
    "precision=float32",
    "augmentation.shift=1",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without runs and models of their own."""
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def complaint(*arguments: object) -> str:
    """The one line that a failing command prints."""
    result = call(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)  # not a traceback
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_home_that_is_no_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "file"))
    pictures = draw_folder(tmp_path / "pictures", 3)
    wanted = tmp_path / "file" / "teach"
    said = complaint("teach", pictures)
    assert said.startswith(f"error: the project 'pictures' cannot be used: Not a directory ({wanted}")
    assert " cannot be used: Not a directory" in call("fit", "--recipe", "fast", "--data", pictures).stderr


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_cifar10(tmp_path_factory.mktemp("data"), 10, tests=1010)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "untrained"
    save_untrained(folder, CIFAR10_CLASSES)
    return folder


def test_recipes_are_listed_with_what_they_reached() -> None:
    result = call("recipes")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == [row.name for row in recipe_results()]
    place = next(index for index, line in enumerate(lines) if line.startswith("fast "))
    assert "measured: 89.75% on cifar10 test, all 10,000, 93.50% on cifar10 test, first 1,000" in lines[place + 1]


def test_the_module_runs_as_a_command() -> None:
    result = subprocess.run([sys.executable, "-m", "training", "recipes"], capture_output=True, text=True, check=True)
    assert result.stdout == call("recipes").stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--recipe", "fsat"), "unknown recipe 'fsat'; recipes: "),
        (("--set", "epochs"), "'epochs' is not of the form key=value"),
        (("--set", "epoch=3"), "unknown key 'epoch'"),
        (("--set", "epochs=0"), "epochs is 0; it can be 1 to 100000"),
        (("--data", "nowhere"), "nowhere is not a folder"),
        (("--name", "../x"), "'../x' cannot be a name"),
        (("--resume",), "no unfinished run in"),
    ],
)
def test_fit_refuses_in_one_line(arguments: tuple[str, ...], words: str, home: Path) -> None:
    assert words in complaint("fit", *arguments)
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "model.architecture=resnet"), "unknown architecture 'resnet'; architectures: "),
        (("--set", "model.input_size=8"), "'airbench' cannot be built for pictures of 8 x 8"),
        (("--resume", "--name", "typo"), "has no checkpoint to resume from"),
    ],
)
def test_fit_refuses_what_the_network_cannot_do(
    arguments: tuple[str, ...], words: str, tmp_path: Path, home: Path
) -> None:
    result = call("fit", "--data", draw_folder(tmp_path / "shapes", 4), *arguments)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert [
        line for line in result.stderr.splitlines() if line.startswith("error: ") and words in line
    ] == result.stderr.splitlines()
    assert not home.exists()


def test_fit_then_runs_then_evaluate(tmp_path: Path, home: Path) -> None:
    data = draw_folder(tmp_path / "shapes", 20)
    settings = [word for value in TINY for word in ("--set", value)]
    result = call("fit", "--recipe", "fast", "--data", data, "--name", "first", *settings)
    assert result.exit_code == 0, result.output
    assert "shapes: 54 training, 0 validation, 6 test pictures, 3 classes" in result.stdout
    assert "epoch 1/1: loss " in result.stdout
    assert "shapes test, all 6: accuracy " in result.stdout
    assert f"bundle {home / 'bundles' / 'first'}" in result.stdout
    listed = [line.split() for line in call("runs").stdout.splitlines()]
    assert listed[0][:4] == ["first", "finished", "1", "epochs"]
    for engine in ("keras", "int8"):
        result = call("evaluate", "--model", "first", "--engine", engine, "--data", data)
        assert result.exit_code == 0, result.output
        assert f"first ({engine})" in result.stdout
        assert "shapes test, all 60: accuracy " in result.stdout
        assert all(f"  {name} " in result.stdout for name in ("circle", "square", "stripes"))


def test_evaluate_prints_one_json_object(bundle: Path, cifar10: Path) -> None:
    result = call("evaluate", "--model", bundle, "--data", cifar10, "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert set(content) == {"model", "engine", "n", "accuracy", "ece", "per_class", "confusion", "subsets"}
    assert (content["model"], content["engine"], content["n"]) == ("untrained", "keras", 1010)
    _, _, split = load_test(cifar10)
    right = Classifier.load(bundle).probabilities(split.images).argmax(axis=1) == split.labels
    assert content["accuracy"] == pytest.approx(right.mean())
    assert content["subsets"] == {"first_1000": {"n": 1000, "accuracy": pytest.approx(right[:1000].mean())}}
    assert set(content["per_class"]) == set(CIFAR10_CLASSES)
    assert np.array(content["confusion"]).shape == (10, 10)
    assert np.array(content["confusion"]).sum(axis=1).tolist() == [101] * 10


def test_evaluate_has_no_subsets_of_a_small_set(bundle: Path, tmp_path: Path) -> None:
    result = call("evaluate", "--model", bundle, "--data", draw_cifar10(tmp_path, 10), "--json")
    assert json.loads(result.stdout)["subsets"] == {}


def test_evaluate_says_what_it_leaves_out_and_strict_refuses_it(tmp_path: Path, home: Path) -> None:
    save_untrained(home / "bundles" / "mine")
    draw_folder(tmp_path / "data" / "train", 1)
    test = draw_folder(tmp_path / "data" / "test", 2, classes=("square", "stripes"))
    (test / "square" / "zz.jfif").write_bytes(b"")
    given = ("evaluate", "--model", "mine", "--data", tmp_path / "data")
    result = call(*given, "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["n"] == 4 and set(content["per_class"]) == {"square", "stripes"}
    assert content["left_out"] == [{"file": str(test / "square" / "zz.jfif"), "error": "This file is empty."}]
    assert result.stderr.splitlines() == [
        f"1 of 5 pictures cannot be read: {test}/square/zz.jfif (This file is empty); left out",
        "no picture is of circle: measured on the other 2 of 3 classes",
    ]
    assert "error: 1 of 5 pictures cannot be read: " in complaint(*given, "--strict")


def test_fit_leaves_broken_pictures_out_and_strict_refuses_them(tmp_path: Path) -> None:
    data = draw_folder(tmp_path / "shapes", 4)
    (data / "circle" / "zz.png").write_bytes(b"no picture")
    said: list[str] = []
    assert read_data(load_recipe("fast"), data, said.append).count == 12
    assert said[1].startswith(f"1 of 13 pictures cannot be read: {data}/circle/zz.png (This file is not an image")
    words = "error: 1 of 13 pictures cannot be read: "
    assert words in complaint("fit", "--data", data, "--name", "none", "--strict", "--device", "cpu")


def test_evaluate_refuses_in_one_line(bundle: Path, cifar10: Path, tmp_path: Path) -> None:
    assert "unknown model 'untrained'; models: default" in complaint(
        "evaluate", "--model", "untrained", "--data", cifar10
    )
    assert "unknown engine 'onnx'; engines: keras, int8" in complaint("evaluate", "--model", bundle, "--engine", "onnx")
    assert "holds no model-int8.tflite; its files: model.keras" in complaint(
        "evaluate", "--model", bundle, "--engine", "int8"
    )
    assert "nowhere is not a folder" in complaint("evaluate", "--model", bundle, "--data", "nowhere")
    shapes = draw_folder(tmp_path / "shapes", 2)
    words = "the network has no class 'circle'; its classes: airplane, automobile, "
    assert words in complaint("evaluate", "--model", bundle, "--data", shapes)


def test_other_pictures_are_told_apart(bundle: Path, cifar10: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for number in range(3):
        draw("circle", np.random.default_rng(number)).save(others / f"{number}.png")
    words = ["evaluate", "--model", str(bundle), "--data", str(cifar10), "--other"]
    result = CliRunner().invoke(app, [*words, str(others)])
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.output.splitlines() if line.startswith("other pictures: AUROC ")]
    assert "of 3 pass where 95 % of" in line
    found = json.loads(CliRunner().invoke(app, [*words, str(others), "--json"]).output)["other"]
    assert f"AUROC {found['auroc']:.3f}" in line and found["others"] == 3
    (tmp_path / "empty").mkdir()
    refused = CliRunner().invoke(app, [*words, str(tmp_path / "empty")])
    assert refused.exit_code == 1 and "empty holds no pictures" in refused.output
