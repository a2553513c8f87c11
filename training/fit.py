"""Train a recipe on a data set into a run folder, and make a bundle of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from model.architectures import ARCHITECTURES, build_model
from model.quiet import quiet
from training.augmentation import TrainingBatches
from training.calibration import calibrate
from training.callbacks import BestWeights, RunWriter, TrainingError, load_checkpoint, start_anew
from training.data import Dataset
from training.export import metrics, save_bundle
from training.fused import fuse
from training.history import CHECKPOINT, write_json
from training.optimizer import Lookahead, build_optimizer, precision
from training.progress import Progress
from training.recipe import Recipe, to_toml

WHITENING_IMAGES = 5000


@dataclass(frozen=True)
class Outcome:
    """How a run ended: status `finished` or `interrupted`, and the folders it left."""

    status: str
    run: Path
    bundle: Path


def fit(
    recipe: Recipe, dataset: Dataset, run: Path, bundle: Path, resume: bool = False, say: Callable[[str], None] = print
) -> Outcome:
    """Train `recipe` on `dataset` with Keras's `fit`.

    run: folder that gets recipe.toml, history.csv (a row an epoch) and metrics.json; bundle: folder for the network.
    resume: go on after the last finished epoch of `run`. Ctrl-C ends the training early with the best weights so far.
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
    batches = TrainingBatches(
        dataset.train.images,
        dataset.train.labels,
        len(dataset.classes),
        recipe.augmentation,
        recipe.batch_size,
        recipe.seed,
    )
    status = train(network, recipe, dataset, batches, run, resume, say)
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
            network = fuse(build(recipe, len(dataset.classes)))
    finally:
        keras.config.set_dtype_policy("float32")
    prepare = ARCHITECTURES[recipe.model.architecture].prepare
    if prepare is not None:
        prepare(network, dataset.train.images[:WHITENING_IMAGES])
    return network


def build(recipe: Recipe, classes: int) -> keras.Model:
    settings = {"widths": recipe.model.widths} if recipe.model.widths else {}
    try:
        return build_model(recipe.model.architecture, classes, recipe.model.input_size, **settings)
    except ValueError as error:
        raise TrainingError(str(error)) from error


def plain_copy(network: keras.Model, recipe: Recipe, classes: int) -> keras.Model:
    """The trained network in float32 with Keras's own layers only, as a bundle holds it."""
    plain = build(recipe, classes)
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
) -> str:
    """Run `model.fit` and leave the best weights in `network`; returns `finished` or `interrupted`."""
    steps = len(batches)
    validated = len(dataset.validation) > 0
    best = BestWeights(
        "val_accuracy" if validated else "accuracy", mode="max", patience=recipe.patience, restore_best_weights=True
    )
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
            shuffle=False,  # the batches are shuffled already; Keras would draw their order anew after a resume
            validation_data=(dataset.validation.images, targets) if validated else None,
            validation_batch_size=500,
        )
    except KeyboardInterrupt:
        progress.close()
        if best.best_weights is None:
            raise TrainingError("stopped before the first epoch ended: there are no weights to keep") from None
        network.set_weights(best.best_weights)
        figures = f"{best.monitor} {best.best:.3f}"
        say(f"Stopped. Keeping the weights of epoch {best.best_epoch + 1}, the best so far ({figures}).")
        return "interrupted"
    finally:
        progress.close()
    return "finished"
