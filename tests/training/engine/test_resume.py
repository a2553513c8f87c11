"""Runs that go on: with the recipe, the pictures and the network that they had, or with a sentence and no harm."""

from __future__ import annotations

import dataclasses
import errno
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from model.datasets.splits import BrokenPicture, Dataset
from model.inference.classifier import Classifier
from tests.drawn import draw_folder, save_untrained
from training.cli.main import app
from training.engine import export
from training.engine.callbacks import RunWriter, TrainingError, finished_epochs
from training.engine.fit import fit
from training.recipes.recipe import ModelSettings, OptimizerSettings, Recipe
from training.recipes.recipe_file import load_recipe
from training.runs.data_provenance import RunContext, read_context
from training.runs.history import append_epoch, read_history, truncate_history
from training.runs.run import own_runs_folder, read_run
from training.runs.run_files import RunError

pytestmark = pytest.mark.train

PLAIN = Recipe(
    name="plain",
    epochs=4,
    batch_size=16,
    precision="float32",
    averaging=False,
    model=ModelSettings("residual", input_size=16, widths=(4, 8), depth=1),
    optimizer=OptimizerSettings("adam", learning_rate=0.01),
)
ADAM = dataclasses.replace(PLAIN.optimizer, learning_rate=0.0001)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def at_end_of(monkeypatch: pytest.MonkeyPatch, epoch: int, action: Callable[[RunWriter], None]) -> None:
    """Do something after the steps of an epoch, counted from 1, and before anything is written of it."""
    original = RunWriter.on_epoch_end

    def extended(self: RunWriter, number: int, logs: Any = None) -> None:
        if number + 1 == epoch:
            action(self)
        original(self, number, logs)

    monkeypatch.setattr(RunWriter, "on_epoch_end", extended)


def cut(writer: RunWriter) -> None:
    raise ConnectionAbortedError


@pytest.fixture
def begun(quick: None, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was cut off in its third epoch."""
    with monkeypatch.context() as patch:
        at_end_of(patch, 3, cut)
        with pytest.raises(ConnectionAbortedError):
            fit(PLAIN, dataset, tmp_path / "run", tmp_path / "bundle")
    return tmp_path / "run"


# --- the recipe -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": OptimizerSettings("sgd")},
        {"model": dataclasses.replace(PLAIN.model, widths=(8, 8))},
        {"averaging": True},
        {"schedule": dataclasses.replace(PLAIN.schedule, prune=0.3)},
    ],
    ids=["optimizer", "widths", "averaging", "prune"],
)
def test_a_recipe_that_does_not_fit_is_a_sentence_and_leaves_the_run_as_it_is(
    change: dict[str, Any], begun: Path, dataset: Dataset, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in begun.iterdir()}
    with pytest.raises(TrainingError, match="was made with another recipe; leave out --resume to start over"):
        fit(dataclasses.replace(PLAIN, **change), dataset, begun, tmp_path / "bundle", resume=True)
    assert {path.name: path.read_bytes() for path in begun.iterdir()} == before
    fit(PLAIN, dataset, begun, tmp_path / "bundle", resume=True)
    assert read_history(begun / "history.csv").epoch == (1, 2, 3, 4)


def test_a_learning_rate_may_change_on_the_way(begun: Path, dataset: Dataset, tmp_path: Path) -> None:
    fit(dataclasses.replace(PLAIN, optimizer=ADAM), dataset, begun, tmp_path / "bundle", resume=True)
    assert read_history(begun / "history.csv").learning_rate == pytest.approx((0.01, 0.01, 0.0001, 0.0001))
    assert load_recipe(str(begun / "recipe.toml")).optimizer.learning_rate == 0.0001


# --- the epochs -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_a_run_cut_off_when_patience_had_run_out_trains_no_more(dataset: Dataset, tmp_path: Path) -> None:
    # Nothing is learnt at this rate, so that the validation accuracy soon stays where it is.
    still = dataclasses.replace(
        PLAIN, epochs=40, patience=2, optimizer=dataclasses.replace(PLAIN.optimizer, learning_rate=1e-9)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.engine.fit.save_bundle", lambda *_: cut(None))  # type: ignore[arg-type]
        with pytest.raises(ConnectionAbortedError):
            fit(still, dataset, tmp_path / "run", tmp_path / "bundle")
    epochs = len(read_run(tmp_path / "run").history)
    assert epochs < 40
    fit(still, dataset, tmp_path / "run", tmp_path / "bundle", resume=True)
    assert len(read_run(tmp_path / "run").history) == epochs


def test_epochs_that_an_early_end_left_out_are_no_reason_to_keep_later_ones(tmp_path: Path) -> None:
    for epoch in (1, 2, 18, 19):
        append_epoch(tmp_path, {"epoch": epoch, "loss": 1.0})
    truncate_history(tmp_path, 18)
    assert read_history(tmp_path / "history.csv").epoch == (1, 2, 18)


@pytest.mark.usefixtures("quick")
def test_weights_that_broke_in_the_last_step_do_not_replace_the_good_ones(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(writer: RunWriter) -> None:
        writer.model.set_weights([np.full_like(weight, np.nan) for weight in writer.model.get_weights()])

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        at_end_of(patch, 2, spoil)
        with pytest.raises(TrainingError, match="the loss became nan in epoch 2"):
            fit(PLAIN, dataset, run, tmp_path / "bundle")
    assert finished_epochs(run) == len(read_run(run).history) == 1
    fit(PLAIN, dataset, run, tmp_path / "bundle", resume=True)
    assert len(read_run(run).history) == 4


# --- the network ------------------------------------------------------------------------------------------------------


def test_a_network_answers_on_until_the_next_one_is_whole(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    fit(PLAIN, dataset, run, bundle)
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(export, "quantize", full)
        with pytest.raises(OSError, match="No space left"):
            fit(dataclasses.replace(PLAIN, epochs=1), dataset, run, bundle)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    assert Classifier.load(bundle, "int8").probabilities(dataset.test.images[:1]).shape == (1, 3)
    assert not [path.name for path in run.iterdir() if path.is_dir()]
    fit(dataclasses.replace(PLAIN, epochs=1), dataset, run, bundle)
    assert sorted(path.name for path in bundle.iterdir()) == sorted(before)
    assert (bundle / "model.keras").read_bytes() != before["model.keras"]


# --- the pictures -----------------------------------------------------------------------------------------------------

SETTINGS = [
    "model.architecture=residual", "model.input_size=16", "model.widths=[4, 8]", "model.depth=1", "batch_size=8",
    "epochs=2", "precision=float32", "optimizer.name=adam", "averaging=false",
]  # fmt: skip


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def train(data: Path, name: str, *more: object) -> Result:
    return call("fit", "--data", data, "--name", name, *[f"--set={value}" for value in SETTINGS], *more)


@pytest.mark.usefixtures("quick")
def test_a_run_goes_on_with_its_own_pictures_and_no_others(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes, other = draw_folder(tmp_path / "shapes", 20), draw_folder(tmp_path / "other", 30)
    names = tmp_path / "names.json"
    names.write_text('{"circle": "ring"}', "utf-8")
    with monkeypatch.context() as patch:
        at_end_of(patch, 2, cut)
        assert isinstance(train(shapes, "mine", "--category-names", names).exception, BaseException)
    folder = own_runs_folder() / "mine"
    assert read_context(folder) == RunContext(str(shapes), str(names))
    refused = call("fit", "--resume", "--name", "mine", "--data", other)
    assert refused.exit_code == 1
    words = (
        r"error: the run 'mine' was begun with 5\d training and \d validation pictures of ring, square, stripes, and "
    )
    assert re.search(words + "these are 78 training", refused.output), refused.output
    assert call("fit", "--resume", "--name", "mine").exit_code == 0
    assert len(read_run(folder).history) == 2
    assert Classifier.load("mine").card.classes == ("ring", "square", "stripes")


def test_a_new_run_replaces_no_network(home: Path, tmp_path: Path) -> None:
    shapes = draw_folder(tmp_path / "shapes", 4)
    save_untrained(home / "bundles" / "mine")
    for name in ("fast", "mine"):
        result = train(shapes, name)
        assert result.exit_code == 1
        assert f"error: there is a network '{name}' already; take another name" in result.output
    assert not own_runs_folder().exists()


def test_evaluate_says_where_it_measures_on_what_was_learnt(home: Path, tmp_path: Path) -> None:
    shapes = draw_folder(tmp_path / "shapes", 10)
    assert train(shapes, "mine").exit_code == 0
    found = call("evaluate", "--model", "mine", "--data", shapes)
    assert found.exit_code == 0
    assert found.stderr == "mine was trained on most of these pictures, so the figures flatter it.\n"
    (shapes / "val").mkdir()
    for label in ("circle", "square", "stripes"):
        (shapes / label).rename(shapes / "val" / label)
    found = call("evaluate", "--model", "mine", "--data", shapes)
    assert found.stderr == (
        "These are the validation pictures of mine: its best epoch and its calibration were chosen by them, so the "
        "figures flatter it. A folder test/ in the data avoids that.\n"
    )
    (shapes / "val").rename(shapes / "test")
    assert call("evaluate", "--model", "mine", "--data", shapes).stderr == ""


def test_an_unknown_origin_is_no_reason_to_refuse(begun: Path, dataset: Dataset, tmp_path: Path) -> None:
    (begun / "data.json").unlink()
    assert read_context(begun) is None
    fewer = dataclasses.replace(dataset, test=dataset.test.take(slice(0, 3)))
    fit(PLAIN, fewer, begun, tmp_path / "bundle", resume=True)
    assert len(read_run(begun).history) == 4


def test_a_run_goes_on_without_the_same_pictures_and_no_others(begun: Path, dataset: Dataset, tmp_path: Path) -> None:
    fit(PLAIN, without(dataset, "a.png"), tmp_path / "run2", tmp_path / "bundle2")
    kept = (tmp_path / "run2" / "data.json").read_bytes()
    (begun / "data.json").write_bytes(kept)
    with pytest.raises(RunError, match="was begun while other pictures could not be read"):
        fit(PLAIN, without(dataset, "b.png"), begun, tmp_path / "bundle", resume=True)
    fit(PLAIN, without(dataset, "a.png"), begun, tmp_path / "bundle", resume=True)
    assert len(read_run(begun).history) == 4


def without(dataset: Dataset, name: str) -> Dataset:
    """The data set as it is where a picture of that name cannot be read."""
    broken = (BrokenPicture(Path("shapes", "circle", name), "This file is empty."),)
    return dataclasses.replace(dataset, train=dataclasses.replace(dataset.train, broken=broken))


def test_a_run_begun_with_a_macs_names_goes_on(begun: Path, dataset: Dataset, tmp_path: Path) -> None:
    known = json.loads((begun / "data.json").read_text("utf-8"))
    (begun / "data.json").write_text(json.dumps(known | {"classes": ["ca\u0303o", "square", "stripes"]}), "utf-8")
    fit(PLAIN, dataclasses.replace(dataset, classes=("cão", *dataset.classes[1:])), begun, tmp_path / "bundle", True)
    assert len(read_run(begun).history) == 4


def test_fewer_pictures_are_other_pictures(begun: Path, dataset: Dataset, tmp_path: Path) -> None:
    fewer = dataclasses.replace(dataset, train=dataset.train.take(slice(0, 30)))
    with pytest.raises(RunError, match=r"begun with 129 training .* and these are 30 training"):
        fit(PLAIN, fewer, begun, tmp_path / "bundle", resume=True)
