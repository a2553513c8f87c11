"""From a recipe and a source of pictures to a finished run, and what a command says meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from model.data import Dataset, load_dataset
from model.home import home
from model.quiet import quiet
from training.history import own_runs
from training.recipe import Recipe

if TYPE_CHECKING:
    from training.fit import Outcome


def read_data(recipe: Recipe, source: Path | None, say: Callable[[str], None]) -> Dataset:
    """The data that a recipe asks for. Raises DataError."""
    held = recipe.data
    dataset = load_dataset(source, recipe.model.input_size, held.validation, held.test, held.seed)
    counts = f"{len(dataset.train):,} training, {len(dataset.validation):,} validation, {len(dataset.test):,} test"
    say(f"{dataset.name}: {counts} pictures, {len(dataset.classes)} classes")
    return dataset


def launch(
    recipe: Recipe, dataset: Dataset, title: str, resume: bool, say: Callable[[str], None], tensorboard: bool = False
) -> Outcome:
    """Train into the user's run `title` and make the bundle of that name. Raises TrainingError, OSError."""
    with quiet():
        from training.fit import fit

    say(f"run {own_runs() / title}")
    return fit(recipe, dataset, own_runs() / title, home() / "bundles" / title, resume, say, tensorboard)
