"""Train a recipe on a data set into a run folder, and make a bundle of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.architectures import ARCHITECTURES, build_model
from model.data import Dataset
from model.quiet import quiet
from training.augmentation import resize
from training.batches import LossRecorder, SampleLosses, TrainingBatches
from training.calibration import calibrate
from training.callbacks import BestWeights, RunWriter, TrainingError, load_checkpoint, start_anew
from training.export import metrics, save_bundle
from training.fused import fuse
from training.history import CHECKPOINT, write_json
from training.optimizer import Lookahead, build_optimizer, precision
from training.progress import Progress
from training.recipe import ModelSettings, Recipe, flatten, to_toml

WHITENING_IMAGES = 5000
VALIDATION_BATCH = 500


@dataclass(frozen=True)
class Outcome:
    """How a run ended: status `finished` or `interrupted`, and the folders it left."""

    status: str
    run: Path
    bundle: Path


def fit(
    recipe: Recipe,
    dataset: Dataset,
    run: Path,
    bundle: Path,
    resume: bool = False,
    say: Callable[[str], None] = print,
    tensorboard: bool = False,
) -> Outcome:
    """Train `recipe` on `dataset` with Keras's `fit`.

    run: folder that gets recipe.toml, history.csv (a row an epoch) and metrics.json; bundle: folder for the network.
    resume: go on after the last finished epoch of `run`; tensorboard: write its logs there too. Ctrl-C ends the
    training early with the best weights so far.
    Raises TrainingError.
    """
    if len(dataset.train) == 0:
        raise TrainingError(f"{dataset.name} has no training pictures")
    if resume and not (run / CHECKPOINT).exists():
        raise TrainingError(f"{run} has no checkpoint to resume from; leave --resume out to start anew")
    keras.utils.set_random_seed(recipe.seed)
    policy = precision(recipe)
    network = starting_network(recipe, dataset, policy)
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.toml").write_text(to_toml(recipe), "utf-8")
    batches = TrainingBatches(dataset.train, len(dataset.classes), recipe)
    extra = [keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False)] if tensorboard else []
    status = train(network, recipe, dataset, batches, run, resume, say, extra)
    plain = plain_copy(network, recipe, len(dataset.classes))
    temperature = calibrate(plain, dataset.validation)
    card = save_bundle(plain, recipe, dataset, run, bundle, temperature)
    write_json(run / "metrics.json", metrics(status, policy, card))
    for leftover in (CHECKPOINT, "progress.json"):
        (run / leftover).unlink(missing_ok=True)
    return Outcome(status, run, bundle)


def starting_network(recipe: Recipe, dataset: Dataset, policy: str) -> keras.Model:
    """The untrained network under the run's dtype policy, with the starting weights its architecture asks for."""
    keras.config.set_dtype_policy(policy)
    try:
        with quiet():  # the first use of a device
            sizes = picture_sizes(recipe)
            network = build(recipe, len(dataset.classes), min(sizes))
            if len(set(sizes)) > 1:  # that needs a network without a size of its own
                network = build(recipe, len(dataset.classes), None)
            network = fuse(network)
    finally:
        keras.config.set_dtype_policy("float32")
    prepare = ARCHITECTURES[recipe.model.architecture].prepare
    if prepare is not None:
        prepare(network, dataset.train.images[:WHITENING_IMAGES])
    return network


def build(recipe: Recipe, classes: int, input_size: int | None) -> keras.Model:
    chosen, own = flatten(recipe.model), flatten(ModelSettings())
    settings = {
        name: value
        for name, value in chosen.items()
        if name not in ("architecture", "input_size") and value != own[name]
    }
    try:
        return build_model(recipe.model.architecture, classes, input_size, **settings)
    except ValueError as error:
        raise TrainingError(str(error)) from error


def plain_copy(network: keras.Model, recipe: Recipe, classes: int) -> keras.Model:
    """The trained network in float32 with Keras's own layers only, as a bundle holds it."""
    plain = build(recipe, classes, recipe.model.input_size)
    plain.set_weights(network.get_weights())
    return plain


def train(
    network: keras.Model,
    recipe: Recipe,
    dataset: Dataset,
    batches: TrainingBatches,
    run: Path,
    resume: bool,
    say: Callable[[str], None],
    extra: Sequence[keras.callbacks.Callback] = (),
) -> str:
    """Run `model.fit` and leave the best weights in `network`; returns `finished` or `interrupted`."""
    steps = len(batches)
    validated = len(dataset.validation) > 0
    best = BestWeights(
        "val_accuracy" if validated else "accuracy", mode="max", patience=recipe.patience, restore_best_weights=True
    )
    parts: dict[str, Any] = {"best": best}
    if recipe.averaging:
        parts["average"] = Lookahead(steps * recipe.epochs)
    metrics: list[Any] = ["accuracy"]
    if recipe.schedule.prune:
        metrics.append(SampleLosses(max(batches.batch_size, VALIDATION_BATCH), recipe.label_smoothing))
        parts["losses"] = LossRecorder(batches, metrics[-1])
    network.compile(
        optimizer=build_optimizer(recipe.optimizer, recipe.schedule, steps * recipe.epochs),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=metrics,
        jit_compile=False,  # XLA is slower than TensorFlow's own kernels on a processor
    )
    first = load_checkpoint(run, network, parts) if resume else start_anew(run)
    targets = np.eye(len(dataset.classes), dtype=np.float32)[dataset.validation.labels]
    progress = Progress(recipe.epochs, steps, batches.batch_size)
    # The average comes first: what the others keep is the averaged network.
    callbacks = [*reversed(parts.values()), RunWriter(run, recipe, steps, parts), progress, *extra]
    try:
        for begin, end, batches.size in stages(recipe):
            if end <= first:
                continue
            if begin >= first:
                best.forget()  # what was best on smaller pictures says little of larger ones
            batches.start_at(max(begin, first))  # Keras goes through the data once more before each `fit`
            held_out = resize(dataset.validation.images, batches.size) if validated else None
            network.fit(
                batches,
                epochs=end,
                initial_epoch=max(begin, first),
                verbose=0,
                callbacks=callbacks,
                shuffle=False,  # the batches are shuffled already; Keras would draw their order anew after a resume
                validation_data=(held_out, targets) if validated else None,
                validation_batch_size=VALIDATION_BATCH,
            )
            if network.stop_training:
                break
        best.restore()
    except KeyboardInterrupt:
        progress.close()
        if best.best_weights is None:
            raise TrainingError("stopped before the first epoch ended: there are no weights to keep") from None
        network.set_weights(best.best_weights)
        figures = f" ({best.monitor} {best.best:.3f})" if best.best is not None else ""
        say(f"Stopped. Keeping the weights of epoch {best.best_epoch + 1}, the best so far{figures}.")
        return "interrupted"
    finally:
        progress.close()
    return "finished"


def picture_sizes(recipe: Recipe) -> list[int]:
    """The sides of the training pictures in pixels, one for each equal share of the epochs."""
    return [round(scale * recipe.model.input_size) for scale in recipe.schedule.scales]


def stages(recipe: Recipe) -> list[tuple[int, int, int]]:
    """(first epoch, epoch after the last, side of the pictures) of each stretch of the run with one size."""
    sizes = picture_sizes(recipe)
    by_epoch = [sizes[math.ceil((epoch + 1) * len(sizes) / recipe.epochs) - 1] for epoch in range(recipe.epochs)]
    found, begin = [], 0
    for size, group in itertools.groupby(by_epoch):
        end = begin + len(list(group))
        found.append((begin, end, size))
        begin = end
    return found
