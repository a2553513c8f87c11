"""Start a training: choose the device, read the data, and train into the user's folders."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from model.common.errors import VitrineError
from model.common.keras_import import WITHOUT_GPU, import_keras
from model.common.paths import home
from model.datasets.class_name_files import read_names
from model.datasets.class_names import rename_classes
from model.datasets.loader import load_dataset
from model.datasets.splits import Dataset, absent_classes_note, left_out_note, require_readable
from training.recipes.recipe import Recipe
from training.runs.data_provenance import RunContext
from training.runs.process import stop_on_signals
from training.runs.run import own_runs_folder

if TYPE_CHECKING:
    from training.engine.fit import Outcome


ALL_GPUS = "gpu:all"
_DEVICES = ("auto", "cpu", "gpu", ALL_GPUS)


class DeviceError(VitrineError, ValueError):
    """A device does not exist; the message says which ones do."""


def choose_device(name: str) -> None:
    """Choose the processor or a GPU; call it before anything imports Keras.

    Args:
        name: `auto`, which leaves the choice to Keras, `cpu`, `gpu`, or `gpu:all` for all GPUs of this machine.

    Raises:
        DeviceError: There is no such device.
    """
    _check_device(name)
    if name == "cpu":
        os.environ |= WITHOUT_GPU
    if name in ("gpu", ALL_GPUS):
        import_keras()
        import keras

        backend = keras.backend.backend()
        if name == ALL_GPUS and backend != "tensorflow":
            raise DeviceError(f"--device {ALL_GPUS} works with TensorFlow, and Keras computes with {backend} here")
        if not keras.distribution.list_devices("gpu"):
            raise DeviceError(f"{backend} sees no GPU on this machine; use --device cpu, or install its GPU version")


def require_cluster_device(name: str) -> None:
    """Check the device of runs on a cluster, whose nodes have others than this machine.

    Raises:
        DeviceError: There is no such device, or it is all GPUs of one machine.
    """
    _check_device(name)
    if name == ALL_GPUS:
        raise DeviceError(f"--device {ALL_GPUS} is for this machine; with --ray, --device gpu gives each run a GPU")


def _check_device(name: str) -> None:
    if name not in _DEVICES:
        raise DeviceError(f"unknown device {name!r}; devices: {', '.join(_DEVICES)}")


def read_data(
    recipe: Recipe,
    source: Path | None,
    log: Callable[[str], None],
    category_names: Path | None = None,
    strict: bool = False,
) -> Dataset:
    """Read the data that a recipe asks for.

    Args:
        recipe: The recipe.
        source: The data folder; None for CIFAR-10.
        log: Called with sentences about the data, such as pictures that were left out because they cannot be read.
        category_names: A file with names for the classes.
        strict: Refuse data with pictures that cannot be read.

    Raises:
        DataError: The data cannot be used.
        NamesError: The names do not fit.
    """
    held = recipe.data
    dataset = load_dataset(source, recipe.model.input_size, held.validation, held.test, held.seed)
    if category_names:
        dataset = dataclasses.replace(dataset, classes=rename_classes(dataset.classes, read_names(category_names), log))
    if strict:
        require_readable(dataset.broken, dataset.count)
    counts = f"{len(dataset.train):,} training, {len(dataset.validation):,} validation, {len(dataset.test):,} test"
    log(f"{dataset.name}: {counts} pictures, {len(dataset.classes)} classes")
    if said := left_out_note(dataset.broken, dataset.count):
        log(said)
    for name, split in (("validation", dataset.validation), ("test", dataset.test)):
        if missing := absent_classes_note(split.labels, dataset.classes):
            log(f"{name}: {missing}")
    return dataset


def launch(
    recipe: Recipe,
    dataset: Dataset,
    title: str,
    resume: bool,
    log: Callable[[str], None],
    origin: RunContext,
    tensorboard: bool = False,
    all_gpus: bool = False,
) -> Outcome:
    """Train into the user's run with this title, and make the bundle with this name.

    Args:
        recipe: The recipe.
        dataset: The data set.
        title: The name of the run and the bundle.
        resume: Continue after the last finished epoch.
        log: Called with sentences about the progress.
        origin: Where the data came from.
        tensorboard: Write TensorBoard's logs too.
        all_gpus: Train on all GPUs of this machine at once.

    Raises:
        KeyboardInterrupt: After Ctrl-C or SIGTERM, before the first epoch begins.
        OSError: A file cannot be written.
        RunError: Another process trains this run, or it was started with other images.
        StoppedRun: Ctrl-C or SIGTERM came in the first epoch.
        TrainingError: The recipe cannot be trained on this data.
    """
    with stop_on_signals():
        import_keras()
        from training.engine.fit import fit
        from training.engine.mirrored import mirror_gpus

        run, bundle = own_runs_folder() / title, home() / "bundles" / title
        log(f"run {run}")
        strategy = mirror_gpus() if all_gpus else None
        return fit(recipe, dataset, run, bundle, resume, log, tensorboard, origin, strategy)
