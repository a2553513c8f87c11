"""python -m training sweep: a recipe with other values in each run, to find the best."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from model.i18n.translations import gettext as _
from training.cli.arguments import (
    CoresOption,
    DataOption,
    DeviceOption,
    NamesOption,
    RayOption,
    SetOption,
    StrictOption,
    exit_on_error,
)
from training.cli.series import start_series
from training.runs.run_options import RunOptions

if TYPE_CHECKING:
    from training.recipes.recipe import Recipe
    from training.runs.sweep import Search, Sweep


def sweep(
    values: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUES…",
            help="optimizer.learning_rate=0.01,0.03; augmentation.shift=1:4; model.l2=1e-5:1e-2:log.",
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(help="A shipped recipe's name, or a .toml file.")] = "fast",
    data: DataOption = None,
    settings: SetOption = None,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Try so many combinations, which Optuna chooses, and not all of them.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name; by default the recipe, sweep and the time.")] = None,
    resume: Annotated[str | None, typer.Option(help="The sweep of this name goes on.")] = None,
    category_names: NamesOption = None,
    device: DeviceOption = "auto",
    strict: StrictOption = False,
    ray: RayOption = None,
    cpus_per_run: CoresOption = None,
) -> None:
    """Train a recipe with other values in each run; the best by validation accuracy is written as a recipe.

    The test pictures decide nothing. A sweep that was stopped goes on with --resume NAME.
    """
    from model.common.extras import require
    from model.registry.card import check_name
    from training.recipes.recipe_file import load_recipe
    from training.runs.sweep import Sweep, begin_sweep, find_sweep, run_sweep
    from training.runs.sweep_report import format_sweep, write_best

    options = RunOptions(data, category_names, strict=strict, device=device)
    with exit_on_error():
        require("keras")
        if trials:
            require("sweep")
        if resume:
            chosen = find_sweep(check_name(resume), trials, tuple(values or ()))
            options = options.as_begun(chosen.folder)
            count = check_sweep(chosen)
        else:
            base = load_recipe(recipe, tuple(settings or ()))
            title = check_name(name or f"{base.name}-sweep-{datetime.now():%Y%m%d-%H%M%S}")
            chosen = Sweep(title, base, tuple(values or ()), trials or 0)
            count = check_sweep(chosen)
            require_validation(base, options)
            begin_sweep(chosen, count, options.origin)
        typer.echo(f"sweep {chosen.name}: {describe(chosen, count)}")
        train = start_series(options, ray, cpus_per_run, keep_going=True)
        results = run_sweep(chosen, open_search(chosen), train, options.origin, typer.echo)
        best = write_best(chosen, results[0])
    for line in [*format_sweep(results), f"the best recipe is {best}"]:
        typer.echo(line)


def check_sweep(chosen: Sweep) -> int:
    """Return how many runs a sweep has; raise RecipeError where a value is out of the recipe's bounds."""
    from training.runs.sweep import GridSearch, checked_axes

    if not chosen.trials:
        return len(GridSearch(chosen).values())
    checked_axes(chosen)
    return chosen.trials


def open_search(chosen: Sweep) -> Search:
    """Return what chooses the runs of a sweep."""
    from training.runs.sweep import GridSearch

    if not chosen.trials:
        return GridSearch(chosen)
    from training.runs.study import OptunaSearch  # loads Optuna

    return OptunaSearch(chosen, typer.echo)


def describe(chosen: Sweep, count: int) -> str:
    """Return how many runs a sweep has, and why so many."""
    keys = [(axis.key, axis) for axis in chosen.parsed()]
    if chosen.trials:
        return f"{count:,} trials of {', '.join(key for key, _axis in keys)}"
    product = " x ".join(f"{len(axis.grid())} of {key}" for key, axis in keys)
    return f"{count:,} runs, every combination of the values ({product})"


def require_validation(base: Recipe, options: RunOptions) -> None:
    """Raise DataError where no pictures are left to choose the best run by."""
    from model.datasets.splits import DataError
    from training.engine.launch import read_data

    dataset = read_data(base, options.data, lambda line: None, options.category_names, options.strict)
    if not len(dataset.validation):
        raise DataError(
            _(
                "a sweep goes by the accuracy on validation pictures, and {data} leaves none; "
                "--set data.validation=0.1 holds some out"
            ).format(data=dataset.name)
        )
