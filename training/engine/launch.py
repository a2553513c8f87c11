"""From a recipe and a source of pictures to a finished run, and what a command says meanwhile."""

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


DEVICES = ("auto", "cpu", "gpu")


class DeviceError(VitrineError, ValueError):
    """A device that is not there; the message says what is."""


def choose_device(name: str) -> None:
    """Train on the processor or on a GPU; `auto` leaves the choice to Keras. Raises DeviceError.

    It must come before anything imports Keras.
    """
    if name not in DEVICES:
        raise DeviceError(f"unknown device {name!r}; devices: {', '.join(DEVICES)}")
    if name == "cpu":
        os.environ |= WITHOUT_GPU
    if name == "gpu":
        import_keras()
        import keras

        found = keras.distribution.list_devices("gpu")
        if not found:
            backend = keras.backend.backend()
            raise DeviceError(f"{backend} sees no GPU on this machine; use --device cpu, or install its GPU version")


def read_data(
    recipe: Recipe,
    source: Path | None,
    say: Callable[[str], None],
    category_names: Path | None = None,
    strict: bool = False,
) -> Dataset:
    """The data that a recipe asks for, its classes named by a file if there is one.

    Pictures that cannot be read are left out, and `say` hears of them; with `strict` they are a DataError. Raises
    DataError, NamesError.
    """
    held = recipe.data
    dataset = load_dataset(source, recipe.model.input_size, held.validation, held.test, held.seed)
    if category_names:
        dataset = dataclasses.replace(dataset, classes=rename_classes(dataset.classes, read_names(category_names), say))
    if strict:
        require_readable(dataset.broken, dataset.count)
    counts = f"{len(dataset.train):,} training, {len(dataset.validation):,} validation, {len(dataset.test):,} test"
    say(f"{dataset.name}: {counts} pictures, {len(dataset.classes)} classes")
    if said := left_out_note(dataset.broken, dataset.count):
        say(said)
    for name, split in (("validation", dataset.validation), ("test", dataset.test)):
        if missing := absent_classes_note(split.labels, dataset.classes):
            say(f"{name}: {missing}")
    return dataset


def launch(
    recipe: Recipe,
    dataset: Dataset,
    title: str,
    resume: bool,
    say: Callable[[str], None],
    origin: RunContext,
    tensorboard: bool = False,
) -> Outcome:
    """Train into the user's run `title` and make the bundle of that name.

    Raises TrainingError, RunError, OSError, and KeyboardInterrupt for Ctrl-C or SIGTERM where nothing could be kept.
    """
    with stop_on_signals():
        import_keras()
        from training.engine.fit import fit

        say(f"run {own_runs_folder() / title}")
        return fit(
            recipe, dataset, own_runs_folder() / title, home() / "bundles" / title, resume, say, tensorboard, origin
        )
