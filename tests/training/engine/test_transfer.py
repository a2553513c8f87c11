from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import numpy as np
import pytest

from model.datasets.loader import load_dataset
from model.datasets.splits import Dataset
from model.inference.classifier import Classifier
from model.registry.locations import BUNDLES
from tests.drawn import draw_folder
from training.engine.callbacks import RunWriter, TrainingError
from training.engine.fit import fit
from training.recipes.recipe import (
    FineTuningSettings,
    HeadSettings,
    ModelSettings,
    OptimizerSettings,
    Recipe,
    RecipeError,
    ScheduleSettings,
)
from training.recipes.recipe_file import load_recipe
from training.runs.run import read_run

pytestmark = pytest.mark.train

HEAD = Recipe(
    name="head",
    epochs=4,
    batch_size=16,
    seed=2,
    precision="float32",
    optimizer=OptimizerSettings("adam", learning_rate=0.01),
    schedule=ScheduleSettings("triangle", end=0.1),
)


@pytest.fixture(scope="module")
def expert(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that knows the drawn shapes."""
    root = tmp_path_factory.mktemp("expert")
    own = ModelSettings("residual", input_size=16, widths=(4, 8), depth=1)
    return fit(dataclasses.replace(HEAD, epochs=8, model=own), dataset, root / "run", root / "expert").bundle


def on(backbone: Path, tuned: int = 0) -> Recipe:
    return dataclasses.replace(
        HEAD,
        epochs=4 + tuned,
        model=ModelSettings("transfer", input_size=16, backbone=str(backbone)),
        head=HeadSettings((8,)),
        fine_tuning=FineTuningSettings(tuned, 0.002),
    )


def kernels(bundle: Path) -> dict[str, np.ndarray]:
    import keras

    network = keras.models.load_model(bundle / "model.keras", compile=False)
    return {layer.name: layer.get_weights()[0] for layer in network.layers if layer.get_weights()}


def test_a_frozen_backbone_stays_as_it_is_and_the_head_learns(expert: Path, dataset: Dataset, tmp_path: Path) -> None:
    outcome = fit(on(expert), dataset, tmp_path / "run", tmp_path / "bundle")
    before, after = kernels(expert), kernels(outcome.bundle)
    np.testing.assert_array_equal(before["stem"], after["stem"])
    assert read_run(outcome.run).accuracy["shapes test, all 36"]["keras"] > 0.8


def test_fine_tuning_moves_the_backbone_at_its_own_rate(
    quick: None, expert: Path, dataset: Dataset, tmp_path: Path
) -> None:
    outcome = fit(on(expert, tuned=2), dataset, tmp_path / "run", tmp_path / "bundle")
    history = read_run(outcome.run).history
    assert history.epoch == (1, 2, 3, 4, 5, 6)
    assert history.learning_rate[3] == pytest.approx(0.001, rel=1e-3)  # the end of the triangle
    assert history.learning_rate[4:] == pytest.approx((0.002, 0.002))
    assert (kernels(expert)["stem"] != kernels(outcome.bundle)["stem"]).any()


@pytest.mark.parametrize("cut", [2, 4, 5])
def test_a_run_cut_off_before_at_and_after_the_thaw_goes_on_the_same(
    cut: int, quick: None, expert: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = on(expert, tuned=2)
    whole = fit(recipe, dataset, tmp_path / "whole", tmp_path / "a")
    original = RunWriter.on_epoch_end

    def dies(self: RunWriter, epoch: int, logs: object = None) -> None:
        original(self, epoch, logs)
        if epoch + 1 == cut:
            raise ConnectionAbortedError

    with monkeypatch.context() as patch:
        patch.setattr(RunWriter, "on_epoch_end", dies)
        with pytest.raises(ConnectionAbortedError):
            fit(recipe, dataset, tmp_path / "cut", tmp_path / "b")
    resumed = fit(recipe, dataset, tmp_path / "cut", tmp_path / "b", resume=True)
    histories = [dataclasses.astuple(read_run(outcome.run).history)[:-1] for outcome in (whole, resumed)]
    np.testing.assert_allclose(histories[0], histories[1], atol=1e-3)


def test_a_run_cut_off_after_a_head_that_ended_early_goes_on_with_the_thaw(
    quick: None, expert: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is learnt at the head's rate, so that patience runs out long before its epochs do."""
    still = dataclasses.replace(
        on(expert, 2), epochs=22, patience=2, optimizer=OptimizerSettings("adam", learning_rate=1e-9)
    )
    whole = fit(still, dataset, tmp_path / "whole", tmp_path / "w")
    assert read_run(whole.run).history.epoch[-2:] == (21, 22)
    original = RunWriter.on_epoch_end

    def dies(writer: RunWriter, epoch: int, logs: object = None) -> None:
        if epoch + 1 == 21:
            raise ConnectionAbortedError
        original(writer, epoch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(RunWriter, "on_epoch_end", dies)
        with pytest.raises(ConnectionAbortedError):
            fit(still, dataset, tmp_path / "cut", tmp_path / "b")
    resumed = fit(still, dataset, tmp_path / "cut", tmp_path / "b", resume=True)
    histories = [dataclasses.astuple(read_run(outcome.run).history)[:-1] for outcome in (whole, resumed)]
    np.testing.assert_allclose(histories[0], histories[1], atol=1e-3)


def test_a_keras_application_is_trained_from_nothing(tmp_path: Path) -> None:
    shapes = load_dataset(draw_folder(tmp_path / "shapes", 16), 32, validation=0.0, test=0.2)
    model = ModelSettings("transfer", backbone="mobilenetv2", weights="none")
    outcome = fit(dataclasses.replace(HEAD, epochs=1, model=model), shapes, tmp_path / "run", tmp_path / "bundle")
    for engine in ("keras", "int8"):
        answers = Classifier.load(outcome.bundle, engine).probabilities(shapes.test.images)
        np.testing.assert_allclose(answers.sum(axis=1), 1.0, atol=0.02)


def test_too_small_pictures_for_a_backbone_are_a_sentence(dataset: Dataset, tmp_path: Path) -> None:
    model = ModelSettings("transfer", input_size=16, backbone="mobilenetv3small", weights="none")
    with pytest.raises(TrainingError, match="cannot be built for pictures of 16 x 16"):
        fit(dataclasses.replace(HEAD, model=model), dataset, tmp_path / "run", tmp_path / "bundle")


def test_fine_tuning_is_for_what_was_trained_before(quick: None, dataset: Dataset, tmp_path: Path) -> None:
    own = ModelSettings("residual", input_size=16, widths=(4,), depth=1)
    recipe = dataclasses.replace(HEAD, epochs=2, model=own, fine_tuning=FineTuningSettings(1))
    with pytest.raises(TrainingError, match=r"the architecture 'residual' is not pretrained"):
        fit(recipe, dataset, tmp_path / "run", tmp_path / "bundle")
    assert not (tmp_path / "run").exists()  # said before the first epoch


def test_a_layer_that_is_not_there_is_said_before_the_first_epoch(
    expert: Path, dataset: Dataset, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(on(expert, 1).fine_tuning, first_layer="blok1")
    with pytest.raises(TrainingError, match=r"fine_tuning.first_layer: the network has no layer 'blok1'"):
        fit(dataclasses.replace(on(expert, 1), fine_tuning=wrong), dataset, tmp_path / "run", tmp_path / "bundle")
    assert not (tmp_path / "run").exists()


def test_fine_tuning_is_part_of_the_epochs() -> None:
    with pytest.raises(RecipeError, match=r"fine_tuning.epochs is 9; they are the last of the 5 epochs"):
        load_recipe("fast", ("epochs=5", "fine_tuning.epochs=9"))


def test_the_recipe_needs_nothing_but_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *_where, **_how: pytest.fail("it asks the network"))
    monkeypatch.setattr(socket.socket, "connect", lambda *_where: pytest.fail("it asks the network"))
    shapes = load_dataset(draw_folder(tmp_path / "shapes", 40), 64, validation=0.1, test=0.2)
    recipe = load_recipe("transfer", ("epochs=6", "model.input_size=64", "optimizer.learning_rate=0.003"))
    assert recipe.model.backbone == "efficientnet-lite0"
    outcome = fit(recipe, shapes, tmp_path / "run", tmp_path / "bundle")
    figures = read_run(outcome.run).accuracy["shapes test, all 24"]
    assert figures["keras"] > 0.75 and figures["int8"] > 0.75


def test_the_shipped_network_serves_as_a_backbone(tmp_path: Path) -> None:
    shapes = load_dataset(draw_folder(tmp_path / "shapes", 30), 32, validation=0.1, test=0.2)
    model = ModelSettings("transfer", backbone=str(BUNDLES / "fast"))
    outcome = fit(dataclasses.replace(HEAD, epochs=8, model=model), shapes, tmp_path / "run", tmp_path / "bundle")
    figures = read_run(outcome.run).accuracy["shapes test, all 18"]
    assert figures["keras"] > 0.75 and figures["int8"] > 0.75
