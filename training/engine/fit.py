"""Train a recipe on a data set, and save the network as a bundle."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.common.files import write_atomic
from model.common.stderr_filter import quiet
from model.datasets.splits import Dataset, draw_images
from model.i18n.translations import gettext as _
from model.networks.architectures import ARCHITECTURES, build_model
from model.networks.backbones import BackboneError, check_first_layer
from training.engine.batches import TrainingBatches
from training.engine.calibration import LOGITS, calibrate, with_jpeg_copies
from training.engine.callbacks import TrainingError
from training.engine.distillation import ANSWERS_FILE, DistilledBatches, teacher_answers
from training.engine.export import run_metrics, save_bundle
from training.engine.fused_layers import fuse_layers
from training.engine.learning_without_forgetting import retain_old_answers
from training.engine.optimizer import dtype_policy
from training.engine.prior import check_prior, with_prior
from training.engine.tile_expert import read_expert, with_expert
from training.engine.training_loop import TrainingLoop
from training.engine.weight_averaging import average_with, read_others, refit_head
from training.recipes.phases import image_sizes
from training.recipes.recipe import HeadSettings, ModelSettings, Recipe, flatten
from training.recipes.recipe_file import to_toml
from training.runs.data_provenance import RunContext, record_data
from training.runs.process import claim_run
from training.runs.run_files import CHECKPOINT, write_json

_WHITENING_IMAGES, _LEAST_WHITENING_IMAGES = 5000, 100
_WHITENING_PIXELS = _WHITENING_IMAGES * 32**2  # each is turned into a dozen numbers of eight bytes
_NO_CONTEXT = RunContext()


@dataclass(frozen=True)
class Outcome:
    """How a run ended, `finished` or `interrupted`, and the folders it wrote."""

    status: str
    run: Path
    bundle: Path


def fit(
    recipe: Recipe,
    dataset: Dataset,
    run: Path,
    bundle: Path,
    resume: bool = False,
    log: Callable[[str], None] = print,
    tensorboard: bool = False,
    origin: RunContext = _NO_CONTEXT,
    strategy: Any = None,
) -> Outcome:
    """Train a recipe on a data set with Keras's `fit`.

    Ctrl-C ends the training early with the best weights so far; it can be resumed.

    Args:
        recipe: The recipe.
        dataset: The data set.
        run: The run's folder, which gets recipe.toml, history.csv (a row for each epoch) and metrics.json.
        bundle: The folder for the network.
        resume: Continue after the last finished epoch of the run.
        log: Called with sentences about the progress.
        tensorboard: Write TensorBoard's logs into the run's folder too.
        origin: Where the data came from.
        strategy: TensorFlow's strategy that keeps a copy of the network on each of several devices; None for one.

    Raises:
        RunError: Another process trains this run, or it was started with other images.
        StoppedRun: Ctrl-C came before the first epoch ended.
        TrainingError: The recipe cannot be trained on this data.
    """
    if len(dataset.train) == 0:
        raise TrainingError(_("{data} has no training pictures").format(data=dataset.name))
    if resume and not (run / CHECKPOINT).exists():
        raise TrainingError(
            _("{run} has no checkpoint to resume from; leave out --resume to start over").format(run=run)
        )
    keras.utils.set_random_seed(recipe.seed)
    policy = dtype_policy(recipe)
    with strategy.scope() if strategy else nullcontext():
        network, trained = starting_network(recipe, dataset, policy)
    # Checked now, not after hours of training.
    check_fine_tuning(recipe, trained)
    if recipe.prior.known:
        check_prior(network, dataset.classes)
    expert = read_expert(recipe, dataset)
    others = read_others(recipe, _without_old_answers(network, recipe), dataset.classes)
    run.mkdir(parents=True, exist_ok=True)
    with claim_run(run):
        record_data(run, origin, dataset, resume)
        if not resume:  # on a resume, the checkpoint has to fit first
            write_atomic(run / "recipe.toml", to_toml(recipe))
        batches = _make_batches(recipe, dataset, run, policy, log)
        extra = [keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False)] if tensorboard else []
        status = TrainingLoop(trained, recipe, dataset.validation, batches, run, extra, strategy).run(resume, log)
        plain = _without_old_answers(plain_copy(network, recipe, len(dataset.classes)), recipe)
        average_with(plain, others)
        if recipe.fine_tuning.refit and status == "finished":  # whoever stopped it does not wait for minutes
            refit_head(plain, batches, log)
        held_out = with_jpeg_copies(dataset.validation, recipe.augmentation, recipe.seed)
        plain, temperature = calibrate(plain, held_out, recipe.calibration)
        if recipe.prior.known:
            plain = with_prior(plain, recipe.prior, dataset.classes)
        if expert is not None:
            plain = with_expert(plain, expert, held_out, recipe.tiles.known)
        card = save_bundle(plain, recipe, dataset, run, bundle, policy, temperature)
        write_json(run / "metrics.json", run_metrics(status, policy, card))
        for leftover in (CHECKPOINT, ANSWERS_FILE) if status == "finished" else ():
            (run / leftover).unlink(missing_ok=True)
    return Outcome(status, run, bundle)


def check_fine_tuning(recipe: Recipe, network: keras.Model) -> None:
    """Raise TrainingError if a network's layers cannot be fine-tuned as the recipe says."""
    settings, architecture = recipe.fine_tuning, recipe.model.architecture
    if not settings.epochs:
        return
    if ARCHITECTURES[architecture].unfreeze is None:
        raise TrainingError(
            f"fine_tuning.epochs is {settings.epochs}, but the architecture {architecture!r} is not pretrained; set it "
            "to 0, or model.architecture=transfer"
        )
    try:
        check_first_layer(network, settings.first_layer)
    except BackboneError as error:
        raise TrainingError(f"fine_tuning.first_layer: {error}") from None


def _make_batches(
    recipe: Recipe, dataset: Dataset, run: Path, policy: str, log: Callable[[str], None]
) -> TrainingBatches:
    """Return the batches, with the labels or a teacher's probabilities as targets."""
    classes = len(dataset.classes)
    if not recipe.distillation.teacher:
        return TrainingBatches(dataset.train, classes, recipe)
    answers = teacher_answers(recipe, dataset, run, policy, log)
    return DistilledBatches(dataset.train, classes, recipe, answers)


def starting_network(recipe: Recipe, dataset: Dataset, policy: str) -> tuple[keras.Model, keras.Model]:
    """Build the untrained network with the run's dtype policy and its starting weights.

    Returns:
        The network, and the network that is trained, which has the same weights; they differ only if old answers
            are retained.
    """
    keras.config.set_dtype_policy(policy)
    try:
        with quiet():  # the first use of a device
            sizes = image_sizes(recipe)
            network, trained = build_networks(recipe, len(dataset.classes), min(sizes))
            if len(set(sizes)) > 1:  # that needs a network for any size
                network, trained = build_networks(recipe, len(dataset.classes), None)
            if ARCHITECTURES[recipe.model.architecture].unfreeze is None:  # a copy would lose the trained weights
                network = trained = fuse_layers(network)
    finally:
        keras.config.set_dtype_policy("float32")
    prepare = ARCHITECTURES[recipe.model.architecture].prepare
    if prepare is not None:
        height, width = dataset.train.images.shape[1:3]
        count = min(_WHITENING_IMAGES, max(_LEAST_WHITENING_IMAGES, _WHITENING_PIXELS // (height * width)))
        prepare(network, draw_images(dataset.train.images, count))
    return network, trained


def build_networks(recipe: Recipe, classes: int, input_size: int | None) -> tuple[keras.Model, keras.Model]:
    """Build the recipe's network, and the one that is trained, which differs only if old answers are retained.

    Raises:
        TrainingError: There is no such network.
    """
    chosen, own = flatten(recipe.model) | flatten(recipe.head), flatten(ModelSettings()) | flatten(HeadSettings())
    settings = {
        name: value
        for name, value in chosen.items()
        if name not in ("architecture", "input_size") and value != own[name]
    }
    try:
        network = build_model(recipe.model.architecture, classes, input_size, **settings)
        return retain_old_answers(network, recipe, input_size) if recipe.fine_tuning.hold else (network, network)
    except ValueError as error:
        raise TrainingError(str(error)) from error


def _without_old_answers(network: keras.Model, recipe: Recipe) -> keras.Model:
    """Return the network without the old answers that were only retained for the training: a prior needs them."""
    if recipe.prior.known or not recipe.fine_tuning.hold:
        return network
    return keras.Model(network.input, network.outputs[0], name=network.name)


def plain_copy(network: keras.Model, recipe: Recipe, classes: int) -> keras.Model:
    """Return the trained network in float32 with Keras's own layers only, as a bundle contains it.

    With `fine_tuning.mix`, pretrained weights are averaged with their values before the training.
    """
    plain, _trained = build_networks(recipe, classes, recipe.model.input_size)
    share = recipe.fine_tuning.mix
    if share < 1:
        new_head = {LOGITS, *(f"head{number}" for number in range(1, len(recipe.head.hidden) + 1))}
        for variable, trained in zip(plain.weights, network.get_weights(), strict=True):
            part = 1.0 if variable.path.partition("/")[0] in new_head else share
            variable.assign(part * trained + (1 - part) * np.asarray(variable))
    else:
        plain.set_weights(network.get_weights())
    return plain
