"""Train a recipe on a data set into a run folder, and make a bundle of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from model.common.files import write_atomic
from model.common.stderr_filter import quiet
from model.datasets.splits import Dataset
from model.i18n.translations import gettext as _
from model.networks.architectures import ARCHITECTURES, build_model
from training.engine.batches import TrainingBatches
from training.engine.calibration import LOGITS, calibrate, stored_as_trained
from training.engine.callbacks import TrainingError
from training.engine.distillation import ANSWERS, DistilledBatches, teacher_answers
from training.engine.export import metrics, save_bundle
from training.engine.fused_layers import fuse
from training.engine.holding import with_held_answers
from training.engine.optimizer import precision
from training.engine.prior import check_prior, with_prior
from training.engine.training_loop import Loop
from training.recipes.phases import picture_sizes
from training.recipes.recipe import HeadSettings, ModelSettings, Recipe, flatten
from training.recipes.recipe_file import to_toml
from training.runs.data_provenance import RunContext, record_data
from training.runs.process import claim_run
from training.runs.run_files import CHECKPOINT, write_json

WHITENING_IMAGES = 5000
ELSEWHERE = RunContext()


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
    origin: RunContext = ELSEWHERE,
) -> Outcome:
    """Train `recipe` on `dataset` with Keras's `fit`.

    run: folder that gets recipe.toml, history.csv (a row an epoch) and metrics.json; bundle: folder for the network.
    resume: go on after the last finished epoch of `run`; tensorboard: write its logs there too; origin: where the data
    came from. Ctrl-C ends the training early with the best weights so far; it can be resumed.
    Raises TrainingError, and RunError when another process trains this run or it was begun with other pictures.
    """
    if len(dataset.train) == 0:
        raise TrainingError(_("{data} has no training pictures").format(data=dataset.name))
    if resume and not (run / CHECKPOINT).exists():
        raise TrainingError(
            _("{run} has no checkpoint to resume from; leave --resume out to start anew").format(run=run)
        )
    keras.utils.set_random_seed(recipe.seed)
    policy = precision(recipe)
    network, trained = starting_network(recipe, dataset, policy)
    if recipe.prior.known:  # said now rather than when hours have gone by
        check_prior(network, dataset.classes)
    run.mkdir(parents=True, exist_ok=True)
    with claim_run(run):
        record_data(run, origin, dataset, resume)
        if not resume:  # else the checkpoint has to fit first
            write_atomic(run / "recipe.toml", to_toml(recipe))
        batches = make_batches(recipe, dataset, run, policy, say)
        extra = [keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False)] if tensorboard else []
        status = Loop(trained, recipe, dataset.validation, batches, run, extra).run(resume, say)
        plain = plain_copy(network, recipe, len(dataset.classes))
        held_out = stored_as_trained(dataset.validation, recipe.augmentation, recipe.seed)
        plain, temperature = calibrate(plain, held_out, recipe.calibration)
        if recipe.prior.known:
            plain = with_prior(plain, recipe.prior, dataset.classes)
        elif recipe.fine_tuning.hold:
            plain = keras.Model(plain.input, plain.outputs[0], name=plain.name)
        card = save_bundle(plain, recipe, dataset, run, bundle, policy, temperature)
        write_json(run / "metrics.json", metrics(status, policy, card))
        for leftover in (CHECKPOINT, ANSWERS) if status == "finished" else ():
            (run / leftover).unlink(missing_ok=True)
    return Outcome(status, run, bundle)


def make_batches(
    recipe: Recipe, dataset: Dataset, run: Path, policy: str, say: Callable[[str], None]
) -> TrainingBatches:
    """The training's batches, with the labels or a teacher's answers as targets."""
    classes = len(dataset.classes)
    if not recipe.distillation.teacher:
        return TrainingBatches(dataset.train, classes, recipe)
    answers = teacher_answers(recipe, dataset, run, policy, say)
    return DistilledBatches(dataset.train, classes, recipe, answers)


def starting_network(recipe: Recipe, dataset: Dataset, policy: str) -> tuple[keras.Model, keras.Model]:
    """The untrained network under the run's dtype policy, with the starting weights its architecture asks for.

    And the network that trains it, of the same weights: another one where old answers are held.
    """
    keras.config.set_dtype_policy(policy)
    try:
        with quiet():  # the first use of a device
            sizes = picture_sizes(recipe)
            network, trained = build(recipe, len(dataset.classes), min(sizes))
            if len(set(sizes)) > 1:  # that needs a network without a size of its own
                network, trained = build(recipe, len(dataset.classes), None)
            if ARCHITECTURES[recipe.model.architecture].unfreeze is None:  # a copy would lose the trained weights
                network = trained = fuse(network)
    finally:
        keras.config.set_dtype_policy("float32")
    prepare = ARCHITECTURES[recipe.model.architecture].prepare
    if prepare is not None:
        prepare(network, dataset.train.images[:WHITENING_IMAGES])
    return network, trained


def build(recipe: Recipe, classes: int, input_size: int | None) -> tuple[keras.Model, keras.Model]:
    """The recipe's network, and the one that trains it: another one where old answers are held."""
    chosen, own = flatten(recipe.model) | flatten(recipe.head), flatten(ModelSettings()) | flatten(HeadSettings())
    settings = {
        name: value
        for name, value in chosen.items()
        if name not in ("architecture", "input_size") and value != own[name]
    }
    try:
        network = build_model(recipe.model.architecture, classes, input_size, **settings)
        return with_held_answers(network, recipe, input_size) if recipe.fine_tuning.hold else (network, network)
    except ValueError as error:
        raise TrainingError(str(error)) from error


def plain_copy(network: keras.Model, recipe: Recipe, classes: int) -> keras.Model:
    """The trained network in float32 with Keras's own layers only, as a bundle holds it.

    With `fine_tuning.mix` the weights that were trained before are averaged with what they were.
    """
    plain, _trained = build(recipe, classes, recipe.model.input_size)
    share = recipe.fine_tuning.mix
    if share < 1:
        new_head = {LOGITS, *(f"head{number}" for number in range(1, len(recipe.head.hidden) + 1))}
        for variable, trained in zip(plain.weights, network.get_weights(), strict=True):
            part = 1.0 if variable.path.partition("/")[0] in new_head else share
            variable.assign(part * trained + (1 - part) * np.asarray(variable))
    else:
        plain.set_weights(network.get_weights())
    return plain
