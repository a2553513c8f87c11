"""Train a recipe on a data set into a run folder, and make a bundle of it."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.architectures import ARCHITECTURES, build_model
from model.bundle import INT8_FILE, KERAS_FILE, Card, write_card
from model.classifier import Classifier
from model.flops import count_flops
from model.quantize import quantize
from training.augmentation import TrainingBatches
from training.data import Dataset
from training.evaluation import evaluate
from training.fused import fuse
from training.history import append_epoch, write_json
from training.optimizer import Lookahead, build_optimizer, precision
from training.progress import Progress
from training.recipe import Recipe, to_toml

CHECKPOINT = "checkpoint.npz"
WHITENING_IMAGES = 5000


class TrainingError(RuntimeError):
    """A run that cannot start or go on; the message says why and what is kept."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: status `finished` or `interrupted`, and the folders it left."""

    status: str
    run: Path
    bundle: Path


class BestWeights(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Keras's early stopping, whose state survives a resume and which never raises away the best weights."""

    def on_train_begin(self, logs: Any = None) -> None:
        kept = (getattr(self, "best", None), self.best_weights, self.wait)
        super().on_train_begin(logs)
        if kept[1] is not None:
            self.best, self.best_weights, self.wait = kept


class RunWriter(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes history.csv and a checkpoint after each epoch, and progress.json every two seconds."""

    def __init__(self, folder: Path, recipe: Recipe, steps: int, best: BestWeights, lookahead: Lookahead | None) -> None:
        super().__init__()
        self.folder, self.recipe, self.steps, self.best, self.lookahead = folder, recipe, steps, best, lookahead
        self.started = self.told = 0.0
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch, self.started = epoch, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        if now - self.told < 2:
            return
        self.told = now
        done, total = self.epoch * self.steps + batch + 1, self.recipe.epochs * self.steps
        seconds_a_step = (now - self.started) / (batch + 1)
        figures = {name: float(value) for name, value in (logs or {}).items() if name in ("loss", "accuracy")}
        content = {"updated": time.time(), "epoch": self.epoch + 1, "epochs": self.recipe.epochs, "step": batch + 1, "steps": self.steps}
        write_json(self.folder / "progress.json", content | {"eta_seconds": seconds_a_step * (total - done)} | figures)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        figures = {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(figures["loss"]):
            raise TrainingError(f"the loss became {figures['loss']} in epoch {epoch + 1}; a lower optimizer.learning_rate may help")
        rate = float(self.model.optimizer.learning_rate)
        append_epoch(self.folder, figures | {"epoch": epoch + 1, "learning_rate": rate, "seconds": time.perf_counter() - self.started})
        save_checkpoint(self.folder, epoch + 1, self.model, self.best, self.lookahead)


def fit(recipe: Recipe, dataset: Dataset, run: Path, bundle: Path, resume: bool = False, say: Callable[[str], None] = print) -> Outcome:
    """Train `recipe` on `dataset` with Keras's `fit`.

    run: folder that gets recipe.toml, history.csv (a row an epoch) and metrics.json; bundle: folder for the network.
    resume: go on after the last finished epoch of `run`. Ctrl-C ends the training early with the best weights so far.
    Raises TrainingError.
    """
    if len(dataset.train) == 0:
        raise TrainingError(f"{dataset.name} has no training pictures")
    keras.utils.set_random_seed(recipe.seed)
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.toml").write_text(to_toml(recipe), "utf-8")
    policy = precision(recipe)
    batches = TrainingBatches(
        dataset.train.images, dataset.train.labels, len(dataset.classes), recipe.augmentation, recipe.batch_size, recipe.seed
    )
    network = starting_network(recipe, dataset, policy)
    status = train(network, recipe, dataset, batches, run, resume, say)
    plain = plain_copy(network, recipe, len(dataset.classes))
    card = save_bundle(plain, recipe, dataset, run, bundle)
    write_json(run / "metrics.json", metrics(status, policy, card))
    for leftover in (CHECKPOINT, "progress.json"):
        (run / leftover).unlink(missing_ok=True)
    return Outcome(status, run, bundle)


def starting_network(recipe: Recipe, dataset: Dataset, policy: str) -> keras.Model:
    """The untrained network under the run's dtype policy, with the starting weights its architecture asks for."""
    keras.config.set_dtype_policy(policy)
    try:
        network = fuse(build(recipe, len(dataset.classes)))
    finally:
        keras.config.set_dtype_policy("float32")
    prepare = ARCHITECTURES[recipe.model.architecture].prepare
    if prepare is not None:
        prepare(network, dataset.train.images[:WHITENING_IMAGES])
    return network


def build(recipe: Recipe, classes: int) -> keras.Model:
    settings = {"widths": recipe.model.widths} if recipe.model.widths else {}
    return build_model(recipe.model.architecture, classes, recipe.model.input_size, **settings)


def plain_copy(network: keras.Model, recipe: Recipe, classes: int) -> keras.Model:
    """The trained network in float32 with Keras's own layers only, as a bundle holds it."""
    plain = build(recipe, classes)
    plain.set_weights(network.get_weights())
    return plain


def train(
    network: keras.Model, recipe: Recipe, dataset: Dataset, batches: TrainingBatches, run: Path, resume: bool, say: Callable[[str], None]
) -> str:
    """Run `model.fit` and leave the best weights in `network`; returns `finished` or `interrupted`."""
    steps = len(batches)
    validated = len(dataset.validation) > 0
    best = BestWeights("val_accuracy" if validated else "accuracy", mode="max", patience=recipe.patience, restore_best_weights=True)
    lookahead = Lookahead(steps * recipe.epochs) if recipe.averaging else None
    network.compile(
        optimizer=build_optimizer(recipe.optimizer, recipe.schedule, steps * recipe.epochs),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # XLA is slower than TensorFlow's own kernels on a processor
    )
    first = load_checkpoint(run, network, best, lookahead) if resume else start_anew(run)
    batches.start_at(first)
    targets = np.eye(len(dataset.classes), dtype=np.float32)[dataset.validation.labels]
    averaging = [lookahead] if lookahead else []
    progress = Progress(recipe.epochs, steps, batches.batch_size)
    callbacks = [*averaging, best, RunWriter(run, recipe, steps, best, lookahead), progress]
    try:
        network.fit(
            batches,
            epochs=recipe.epochs,
            initial_epoch=first,
            verbose=0,
            callbacks=callbacks,
            validation_data=(dataset.validation.images, targets) if validated else None,
            validation_batch_size=500,
        )
    except KeyboardInterrupt:
        progress.close()
        if best.best_weights is None:
            raise TrainingError("stopped before the first epoch ended: there are no weights to keep") from None
        network.set_weights(best.best_weights)
        say(f"Stopped. Keeping the weights of epoch {best.best_epoch + 1}, the best so far ({best.monitor} {best.best:.3f}).")
        return "interrupted"
    finally:
        progress.close()
    return "finished"


def start_anew(run: Path) -> int:
    for name in ("history.csv", "metrics.json", "progress.json", CHECKPOINT):
        (run / name).unlink(missing_ok=True)
    return 0


def save_checkpoint(run: Path, epoch: int, network: keras.Model, best: BestWeights, lookahead: Lookahead | None) -> None:
    """Write everything that the next epoch depends on; the file is the old one or the new one, never half of it."""
    groups = {
        "network": [np.array(variable) for variable in network.variables],
        "optimizer": [np.array(variable) for variable in network.optimizer.variables],
        "best": best.best_weights or [],
        "average": lookahead.average if lookahead else [],
    }
    arrays = {f"{group}/{index}": value for group, values in groups.items() for index, value in enumerate(values)}
    state = {"epoch": epoch, "best": None if best.best is None else float(best.best), "wait": best.wait, "best_epoch": best.best_epoch}
    state["step"] = lookahead.step if lookahead else 0
    temporary = run / f"{CHECKPOINT}.new"
    with temporary.open("wb") as file:
        np.savez(file, state=np.array(json.dumps(state)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, run / CHECKPOINT)


def load_checkpoint(run: Path, network: keras.Model, best: BestWeights, lookahead: Lookahead | None) -> int:
    """Put a checkpoint back; returns the number of finished epochs. Raises TrainingError."""
    path = run / CHECKPOINT
    if not path.exists():
        raise TrainingError(f"{run} has no checkpoint to resume from; leave --resume out to start anew")
    with np.load(path, allow_pickle=False) as content:
        state = json.loads(str(content["state"]))

        def group(name: str) -> list[np.ndarray]:
            return [content[f"{name}/{index}"] for index in range(sum(key.startswith(f"{name}/") for key in content.files))]

        network.optimizer.build(network.trainable_variables)
        pairs = [(network.variables, group("network")), (network.optimizer.variables, group("optimizer"))]
        for variables, values in pairs:
            if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
                raise TrainingError(f"{path} was made with another recipe; leave --resume out to start anew")
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        best.best, best.best_weights = state["best"], group("best") or None
        best.wait, best.best_epoch = state["wait"], state["best_epoch"]
        if lookahead:
            lookahead.step, lookahead.average = state["step"], group("average")
    return int(state["epoch"])


def save_bundle(network: keras.Model, recipe: Recipe, dataset: Dataset, run: Path, bundle: Path) -> Card:
    """Save the network, its int8 twin and the card; the figures come from the saved files, read back."""
    from training.history import read_history

    bundle.mkdir(parents=True, exist_ok=True)
    # The temporary name keeps its suffix: Keras chooses the format by it.
    network.save(bundle / f"new-{KERAS_FILE}")
    os.replace(bundle / f"new-{KERAS_FILE}", bundle / KERAS_FILE)
    quantize(network, dataset.train.images, bundle / INT8_FILE)
    card = Card(
        name=bundle.name,
        classes=dataset.classes,
        input_size=recipe.model.input_size,
        parameters=int(network.count_params()),
        flops=count_flops(network),
        recipe=recipe.name,
        dataset=dataset.name,
        date=date.today().isoformat(),
        minutes=round(sum(read_history(run / "history.csv").seconds) / 60, 1),
    )
    card = write_card(bundle, card)
    return write_card(bundle, measured(card, bundle, dataset)) if len(dataset.test) else card


def measured(card: Card, bundle: Path, dataset: Dataset) -> Card:
    """The card with accuracy and calibration error of both files on the data set's test pictures."""
    results = {
        engine: evaluate(Classifier.load(bundle, engine).probabilities, dataset.name, dataset.test, dataset.classes)
        for engine in ("keras", "int8")
    }
    accuracy = {
        title: {"n": result.n, "keras": round(result.accuracy, 4), "int8": round(results["int8"][title].accuracy, 4)}
        for title, result in results["keras"].items()
    }
    ece = {title: round(result.ece, 4) for title, result in results["keras"].items()}
    return dataclasses.replace(card, accuracy=accuracy, ece=ece)


def metrics(status: str, policy: str, card: Card) -> dict[str, Any]:
    """What metrics.json holds: how the run ended and what its network reached."""
    machine = {"cores": os.cpu_count(), "policy": policy, "keras": keras.__version__, "backend": keras.backend.backend()}
    return {"status": status, "minutes": card.minutes, "accuracy": card.accuracy, "ece": card.ece, "machine": machine}
