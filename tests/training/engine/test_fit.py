from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.datasets.splits import Dataset, Split
from model.inference.classifier import Classifier
from model.networks.architectures import build_model
from model.registry.card import read_card
from tests.drawn import draw_images
from training.engine import callbacks
from training.engine.callbacks import BestWeights, RunWriter, TrainingError
from training.engine.fit import Outcome, fit, starting_network
from training.engine.fused_layers import FusedBatchNormalization, FusedGelu, fuse_layers
from training.recipes.recipe import (
    AugmentationSettings,
    FineTuningSettings,
    ModelSettings,
    OptimizerSettings,
    Recipe,
    ScheduleSettings,
)
from training.recipes.recipe_file import load_recipe
from training.runs.history import History, append_epoch
from training.runs.process import StoppedRun
from training.runs.run import read_run
from training.runs.run_files import write_json

pytestmark = pytest.mark.train

# Everything that a recipe can turn on, on a network of 8,000 weights: seven steps an epoch.
RECIPE = Recipe(
    name="tiny",
    epochs=6,
    batch_size=16,
    seed=3,
    label_smoothing=0.1,
    averaging=True,
    precision="float32",
    model=ModelSettings(input_size=16, widths=(8, 16, 16)),
    augmentation=AugmentationSettings(flip="alternating", shift=1, jpeg=0.3, cutout=3),
    optimizer=OptimizerSettings("muon", learning_rate=0.6, momentum=0.85, weight_decay=0.005, bias_scale=8.0),
    schedule=ScheduleSettings("triangle", scales=(0.75, 1.0, 1.0), prune=0.3, prune_until=0.9),
)


@dataclass(frozen=True)
class Finished:
    outcome: Outcome
    dataset: Dataset

    @property
    def history(self) -> History:
        return read_run(self.outcome.run).history


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Finished:
    root = tmp_path_factory.mktemp("finished")
    return Finished(fit(RECIPE, dataset, root / "run", root / "tiny"), dataset)


@pytest.mark.parametrize(("size", "count"), [(16, 5000), (32, 5000), (64, 1250), (640, 100)])
def test_of_larger_pictures_fewer_set_the_starting_weights(
    size: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is turned into a dozen numbers of eight bytes a pixel."""
    asked: list[int] = []

    def draw(images: np.ndarray, most: int) -> np.ndarray:
        asked.append(most)
        return images

    monkeypatch.setattr("training.engine.fit.draw_images", draw)
    recipe = dataclasses.replace(RECIPE, model=dataclasses.replace(RECIPE.model, input_size=size))
    split = Split(draw_images(2, size), np.array([0, 1]))
    starting_network(recipe, Dataset("two", ("a", "b"), split, split, split), "float32")
    assert asked == [count]


def after(monkeypatch: pytest.MonkeyPatch, method: str, action: Callable[..., None]) -> None:
    """Call `action(writer, *arguments)` whenever the run writer has finished one of its methods."""
    original = getattr(RunWriter, method)

    def extended(self: RunWriter, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        action(self, *arguments)

    monkeypatch.setattr(RunWriter, method, extended)


def test_it_learns_and_the_saved_files_show_it(finished: Finished) -> None:
    split = finished.dataset.test
    for engine in ("keras", "int8"):
        answers = Classifier.load(finished.outcome.bundle, engine).probabilities(split.images).argmax(axis=1)
        assert np.mean(answers == split.labels) > 0.9


def test_a_run_leaves_its_files(finished: Finished) -> None:
    folder = finished.outcome.run
    run = read_run(folder)
    assert finished.outcome.status == run.status == "finished"
    assert load_recipe(str(folder / "recipe.toml")) == RECIPE
    assert run.history.epoch == tuple(range(1, 7))
    assert run.history.loss[-1] < run.history.loss[0]
    assert run.history.learning_rate[-1] == pytest.approx(0.6 * 0.07, rel=1e-3)
    assert min(run.history.seconds) > 0
    files = [".lock", "data.json", "history.csv", "metrics.json", "recipe.toml"]
    assert sorted(path.name for path in folder.iterdir()) == files


def test_the_card_says_what_was_measured(finished: Finished) -> None:
    card = read_card(finished.outcome.bundle)
    assert (card.name, card.recipe, card.dataset, card.input_size) == ("tiny", "tiny", "shapes", 16)
    assert card.classes == ("circle", "square", "stripes")
    assert list(card.accuracy) == ["shapes test, all 36"]
    test = finished.dataset.test
    right = Classifier.load(finished.outcome.bundle).probabilities(test.images).argmax(axis=1) == test.labels
    assert card.accuracy["shapes test, all 36"] == {
        "n": 36,
        "keras": round(float(right.mean()), 4),
        "int8": pytest.approx(1.0, abs=0.1),
    }
    assert read_run(finished.outcome.run).metrics["accuracy"] == card.accuracy
    assert sorted(path.name for path in finished.outcome.bundle.iterdir()) == [
        "card.json",
        "model-int8.tflite",
        "model.keras",
    ]


@pytest.mark.parametrize("written", [True, False], ids=["after the checkpoint", "before the checkpoint"])
@pytest.mark.usefixtures("quick")
def test_a_run_cut_off_goes_on_as_if_nothing_happened(
    written: bool, finished: Finished, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: Any) -> None:
        if len(read_run(tmp_path / "run").history) == 3:
            raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        after(patch, "on_epoch_end", cut) if written else patch.setattr(callbacks, "save_checkpoint", kill_before(cut))
        with pytest.raises(RuntimeError, match="power cut"):
            fit(RECIPE, dataset, tmp_path / "run", tmp_path / "bundle")
    assert read_run(tmp_path / "run").status == "cut off"
    assert not (tmp_path / "bundle").exists()
    fit(RECIPE, dataset, tmp_path / "run", tmp_path / "bundle", resume=True)
    history = read_run(tmp_path / "run").history
    assert history.epoch == (1, 2, 3, 4, 5, 6)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
        assert getattr(history, name) == pytest.approx(getattr(finished.history, name), abs=1e-3), name


def kill_before(cut: Callable[..., None]) -> Callable[..., None]:
    original = callbacks.save_checkpoint

    def save(*arguments: Any) -> None:
        cut()
        original(*arguments)

    return save


@pytest.mark.usefixtures("quick")
def test_ctrl_c_keeps_the_best_weights(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(writer: RunWriter, batch: int, logs: Any = None) -> None:
        if writer.epoch == 3 and batch == 3:
            writer.model.set_weights([np.zeros_like(weight) for weight in writer.model.get_weights()])
            raise KeyboardInterrupt

    after(monkeypatch, "on_train_batch_end", press)
    recipe, said = dataclasses.replace(RECIPE, fine_tuning=FineTuningSettings(refit=1)), list[str]()
    outcome = fit(recipe, dataset, tmp_path / "run", tmp_path / "bundle", log=said.append)
    run = read_run(tmp_path / "run")
    assert outcome.status == run.status == "interrupted"
    assert len(run.history) == 3
    best = 3  # of those trained on pictures of the full size
    figures = f"val_accuracy {run.history.val_accuracy[2]:.3f}"
    assert said == [f"Stopped. Keeping the weights of epoch {best}, the best so far ({figures})."]
    answers = Classifier.load(tmp_path / "bundle").probabilities(dataset.validation.images).argmax(axis=1)
    assert np.mean(answers == dataset.validation.labels) == pytest.approx(run.history.val_accuracy[2], abs=1e-3)
    monkeypatch.undo()
    outcome = fit(recipe, dataset, tmp_path / "run", tmp_path / "bundle", resume=True, log=said.append)
    assert outcome.status == read_run(tmp_path / "run").status == "finished"
    assert len(read_run(tmp_path / "run").history) == RECIPE.epochs
    assert said[1:] == ["a new head: pass 1 of 1"]  # for which nobody had to wait after Ctrl-C


def test_ctrl_c_in_the_first_epoch_says_that_nothing_is_kept(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(*_: Any) -> None:
        raise KeyboardInterrupt

    after(monkeypatch, "on_train_batch_end", press)
    with pytest.raises(StoppedRun, match="stopped before the first epoch ended: there are no weights to keep"):
        fit(RECIPE, dataset, tmp_path / "run", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_device_whose_memory_is_full_is_a_sentence(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[64,512,512,64]")

    after(monkeypatch, "on_train_batch_end", exhaust)
    with pytest.raises(TrainingError, match=r"too small for \d+ pictures a step; set a smaller batch_size"):
        fit(RECIPE, dataset, tmp_path / "run", tmp_path / "bundle")


def test_a_loss_that_is_no_number_ends_the_run_and_the_earlier_one_is_gone(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    append_epoch(tmp_path / "run", {"epoch": 1, "loss": 0.5})
    write_json(tmp_path / "run" / "metrics.json", {"status": "finished"})
    optimizer = dataclasses.replace(RECIPE.optimizer, learning_rate=1e6)
    with pytest.raises(
        TrainingError, match=r"the loss became (nan|inf) in epoch \d; a lower optimizer\.learning_rate may help"
    ):
        fit(dataclasses.replace(RECIPE, optimizer=optimizer), dataset, tmp_path / "run", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    run = read_run(tmp_path / "run")
    assert (len(run.history), run.metrics) == (0, {})


@pytest.mark.usefixtures("quick")
def test_it_stops_when_it_no_longer_gets_better(dataset: Dataset, tmp_path: Path) -> None:
    # Nothing is learnt at this rate, so that the validation accuracy soon stays where it is.
    still = dataclasses.replace(
        RECIPE, epochs=40, patience=2, averaging=False, optimizer=OptimizerSettings("sgd", learning_rate=1e-6)
    )
    outcome = fit(still, dataset, tmp_path / "run", tmp_path / "bundle")
    history = read_run(outcome.run).history
    assert outcome.status == "finished"
    assert len(history) == 1 + int(np.argmax(history.val_accuracy)) + still.patience < 40


class OneWeight:
    """Stands in for a network."""

    stop_training = False

    def __init__(self) -> None:
        self.weight = 0.0

    def get_weights(self) -> list[np.ndarray]:
        return [np.array(self.weight)]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.weight = float(weights[0])


def watch(best: BestWeights, network: OneWeight, values: list[float], first: int = 0) -> None:
    """Epochs with these accuracies; the weight is the epoch's number."""
    best.set_model(network)
    best.on_train_begin()
    for epoch, value in enumerate(values, start=first):
        network.weight = float(epoch)
        best.on_epoch_end(epoch, {"val_accuracy": value})
        if network.stop_training:
            break


def best_weights() -> BestWeights:
    return BestWeights("val_accuracy", mode="max", patience=2, restore_best_weights=True)


def test_early_stopping_restores_the_best() -> None:
    best, network = best_weights(), OneWeight()
    watch(best, network, [0.5, 0.9, 0.8, 0.7, 0.99])
    assert network.weight == 3  # stopped after two epochs that were no better
    best.restore(network)
    assert network.weight == 1


def test_early_stopping_remembers_across_a_resume() -> None:
    first, second, network = best_weights(), best_weights(), OneWeight()
    watch(first, network, [0.5, 0.9, 0.8])
    second.load_state(first.state())
    watch(second, network, [0.7, 0.6], first=3)
    assert (network.weight, second.best_epoch) == (3, 1)
    second.restore(network)
    assert network.weight == 1


def test_the_best_on_smaller_pictures_is_kept_until_there_is_another() -> None:
    best, network = best_weights(), OneWeight()
    watch(best, network, [0.5, 0.9])
    best.forget()
    best.restore(network)
    assert network.weight == 1
    again = best_weights()
    again.load_state(best.state())
    watch(again, network, [0.7, 0.6], first=2)
    again.restore(network)
    assert network.weight == 2


def test_of_equally_accurate_epochs_the_one_with_the_lower_loss_is_best() -> None:
    best, network = best_weights(), OneWeight()
    best.set_model(network)
    best.on_train_begin()
    for epoch, loss in enumerate([0.5, 0.3, 0.4]):
        network.weight = float(epoch)
        best.on_epoch_end(epoch, {"val_accuracy": 1.0, "val_loss": loss})
    best.restore(network)
    assert network.weight == 1


def test_a_resume_without_a_checkpoint_changes_nothing(finished: Finished, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has no checkpoint to resume from; leave out --resume to start over"):
        fit(RECIPE, finished.dataset, tmp_path / "typo", tmp_path / "bundle", resume=True)
    assert not (tmp_path / "typo").exists()
    other = dataclasses.replace(RECIPE, epochs=99)
    with pytest.raises(TrainingError, match="no checkpoint"):
        fit(other, finished.dataset, finished.outcome.run, tmp_path / "bundle", resume=True)
    assert read_run(finished.outcome.run).recipe["epochs"] == RECIPE.epochs


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (ModelSettings("resnet", 16), "unknown architecture 'resnet'; architectures: "),
        (ModelSettings("airbench", 16, (8, 8, 8, 8, 8)), "'airbench' cannot be built"),
        (ModelSettings("airbench", 16, dropout=0.5), "'airbench' has no dropout"),
        (ModelSettings("vgg3", 16), "'vgg3' cannot be built for pictures of any size"),
    ],
)
def test_a_network_that_cannot_be_built_is_named(
    dataset: Dataset, tmp_path: Path, settings: ModelSettings, words: str
) -> None:
    with pytest.raises(TrainingError, match=words):
        fit(dataclasses.replace(RECIPE, model=settings), dataset, tmp_path / "run", tmp_path / "bundle")
    assert not (tmp_path / "run").exists()


def test_no_training_pictures_is_said(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="shapes has no training pictures"):
        fit(
            RECIPE,
            dataclasses.replace(dataset, train=dataset.train.take(slice(0, 0))),
            tmp_path / "run",
            tmp_path / "bundle",
        )


@pytest.mark.parametrize("shape", [(16, 4, 4, 3), (2, 2, 1, 3)])
@pytest.mark.parametrize("scale", [True, False])
def test_fused_normalization_is_kerass(shape: tuple[int, ...], scale: bool) -> None:
    inputs = keras.random.normal(shape, mean=2.0, stddev=3.0, seed=1)
    settings = {
        "momentum": 0.6,
        "epsilon": 1e-3,
        "scale": scale,
        "beta_initializer": keras.initializers.RandomNormal(seed=2),
    }
    plain, fused = keras.layers.BatchNormalization(**settings), FusedBatchNormalization(**settings)
    for _ in range(3):
        assert np.allclose(plain(inputs, training=True), fused(inputs, training=True), atol=1e-4)
    for name in ("moving_mean", "moving_variance"):
        assert np.allclose(getattr(plain, name), getattr(fused, name), rtol=1e-4), name
    assert np.allclose(plain(inputs), fused(inputs), atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_fused_gelu_is_kerass(dtype: str) -> None:
    import tensorflow as tf

    inputs = tf.cast(tf.linspace(-6.0, 6.0, 241), dtype)
    results = []
    for layer in (keras.layers.Activation("gelu", dtype=dtype), FusedGelu("gelu", dtype=dtype)):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = layer(inputs)
        results.append((outputs, tape.gradient(outputs, inputs)))
    for plain, fused in zip(*results, strict=True):
        assert fused.dtype == dtype
        assert np.allclose(
            tf.cast(plain, "float32"), tf.cast(fused, "float32"), atol=1e-5 if dtype == "float32" else 0.03
        )


def test_fusing_keeps_the_network() -> None:
    network = build_model("airbench", 3, 16, widths=(8, 8, 8), depth=3)
    fused = fuse_layers(network)
    assert sum(isinstance(layer, FusedBatchNormalization) for layer in fused.layers) == 9
    assert sum(isinstance(layer, FusedGelu) for layer in fused.layers) == 10
    fused.set_weights(network.get_weights())
    assert np.allclose(fused(draw_images(4, 16)), network(draw_images(4, 16)), atol=1e-5)


@pytest.mark.usefixtures("quick")
def test_tensorboard_logs_lie_in_the_run(dataset: Dataset, tmp_path: Path) -> None:
    short = dataclasses.replace(RECIPE, epochs=1)
    fit(short, dataset, tmp_path / "run", tmp_path / "bundle", tensorboard=True)
    logs = [path for path in (tmp_path / "run" / "tensorboard").rglob("events.*") if path.stat().st_size > 100]
    assert {path.parent.name for path in logs} == {"train", "validation"}


def test_normalisation_of_dense_layers_stays_keras_own() -> None:
    network = fuse_layers(build_model("vgg3", 3, 16, widths=(4, 4, 4), batch_norm=True))
    kinds = {layer.name: type(layer) for layer in network.layers}
    assert kinds["features_norm"] is keras.layers.BatchNormalization
    assert kinds["stage1_conv1_norm"] is FusedBatchNormalization
    assert np.isfinite(np.asarray(network(draw_images(4, 16), training=True))).all()
