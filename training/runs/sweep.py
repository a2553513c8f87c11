"""A sweep: a recipe with other values in each run, and the best of them by validation accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from model.common.files import write_atomic
from model.common.paths import home
from model.i18n.translations import gettext as _
from training.recipes.recipe import Recipe
from training.recipes.recipe_file import load_recipe, to_toml
from training.recipes.search_space import Axis, check_axes, grid, parse_axis, with_values
from training.runs.data_provenance import RunContext, write_context
from training.runs.run import Run, check_unused_name, own_runs_folder, read_run
from training.runs.run_files import RunError, read_json, write_json
from training.runs.series import Ended, Runner, SeriesRun, check_name_unused, is_finished

_SWEEP = "sweep.json"
_FAILURES = "failures.json"


@dataclass(frozen=True)
class Sweep:
    """What a sweep is: its name, the recipe it varies, what it goes over, as given, and how many trials.

    With 0 trials it is a grid: each combination is a run.
    """

    name: str
    recipe: Recipe
    axes: tuple[str, ...]
    trials: int = 0

    @property
    def folder(self) -> Path:
        """Where the sweep keeps what its runs do not."""
        return home() / "sweeps" / self.name

    def parsed(self) -> list[Axis]:
        """Return what it goes over; raise RecipeError where that cannot be understood."""
        return [parse_axis(text, self.recipe) for text in self.axes]

    def run_name(self, number: int) -> str:
        """Return the name of a run, counted from 0."""
        return f"{self.name}-{number + 1}"


def checked_axes(sweep: Sweep) -> list[Axis]:
    """Return what a sweep goes over; raise RecipeError where that is out of the recipe's bounds."""
    axes = sweep.parsed()
    check_axes(axes, sweep.recipe)
    return axes


class Search(Protocol):
    """Decides which runs a sweep has."""

    def members(self) -> Iterator[SeriesRun]:
        """Yield the runs that are to be trained, each when it is asked for."""

    def tell(self, member: SeriesRun, accuracy: float | None) -> None:
        """Take in the validation accuracy of a run that has ended; None if it failed."""

    def values(self) -> dict[str, dict[str, str]]:
        """Return the values of the runs so far, as texts by key, by the runs' names."""


class GridSearch:
    """Every combination of the values, in their order.

    Raises:
        RecipeError: A combination is out of the recipe's bounds, or there are too many.
    """

    def __init__(self, sweep: Sweep) -> None:
        combinations = grid(checked_axes(sweep))
        self._values = {sweep.run_name(number): values for number, values in enumerate(combinations)}
        self._members = [SeriesRun(name, with_values(sweep.recipe, values)) for name, values in self._values.items()]

    def members(self) -> Iterator[SeriesRun]:
        """Yield them all."""
        yield from self._members

    def tell(self, member: SeriesRun, accuracy: float | None) -> None:
        """Do nothing: a grid does not learn."""

    def values(self) -> dict[str, dict[str, str]]:
        """Return the combinations."""
        return self._values


def begin_sweep(sweep: Sweep, count: int, origin: RunContext) -> None:
    """Write down what a new sweep of `count` runs is, so that it can go on.

    Raises:
        RunError: There is a sweep of that name, or a run or a network has the name of one of its runs.
    """
    if (sweep.folder / _SWEEP).exists():
        raise RunError(
            _("there is a sweep {name!r} already; go on with it with --resume {name}, or take another name").format(
                name=sweep.name
            )
        )
    for number in range(count):
        check_unused_name(sweep.run_name(number))
    sweep.folder.mkdir(parents=True, exist_ok=True)
    write_context(sweep.folder, origin)
    _write(sweep)


def _write(sweep: Sweep) -> None:
    write_atomic(sweep.folder / "recipe.toml", to_toml(sweep.recipe))
    write_json(sweep.folder / _SWEEP, {"axes": list(sweep.axes), "trials": sweep.trials})


def find_sweep(name: str, trials: int | None, axes: tuple[str, ...] = ()) -> Sweep:
    """Return the sweep of that name, with another number of trials if one is given.

    Raises:
        RunError: There is none, or it is a grid, which has no trials, or it goes over other values than `axes`.
    """
    folder = home() / "sweeps" / name
    known = read_json(folder / _SWEEP)
    if not known:
        names = ", ".join(sorted(path.parent.name for path in folder.parent.glob(f"*/{_SWEEP}"))) or _("none")
        raise RunError(_("unknown sweep {name!r}; your sweeps: {names}").format(name=name, names=names))
    sweep = Sweep(name, load_recipe(str(folder / "recipe.toml")), tuple(known["axes"]), known["trials"])
    if axes and axes != sweep.axes:
        raise RunError(
            _("the sweep {name!r} goes over {values}; with --resume they are left out, others are a new sweep").format(
                name=name, values=" ".join(sweep.axes)
            )
        )
    if trials is None or trials == sweep.trials:
        return sweep
    if not sweep.trials:
        raise RunError(_("the sweep {name!r} is a grid, which has no trials; leave --trials out").format(name=name))
    changed = Sweep(sweep.name, sweep.recipe, sweep.axes, trials)
    _write(changed)
    return changed


@dataclass(frozen=True)
class SweepRun:
    """A run of a sweep with the values that it has, and why it failed, if it did."""

    run: Run
    values: Mapping[str, str]
    problem: str = ""

    @property
    def accuracy(self) -> float:
        """The best validation accuracy of its epochs; below all others for a run that failed."""
        known = self.run.best_val_accuracy
        return known if known == known and not self.problem else -1.0


def run_sweep(
    sweep: Sweep, search: Search, run_all: Runner, origin: RunContext, log: Callable[[str], None]
) -> list[SweepRun]:
    """Train the runs of a sweep that are not finished; a run that fails is noted, and the others go on.

    Returns:
        All that have ended, the best validation accuracy first.

    Raises:
        RunError: A run was interrupted, or all failed.
        RecipeError: A run with a name that is needed has other values or other data.
    """
    path = sweep.folder / _FAILURES
    failures = {name: str(problem) for name, problem in read_json(path).items()}
    stopped = []
    for ended in run_all(_waiting(search, failures, origin)):
        if ended.status == "interrupted":
            stopped.append(ended)
            continue
        if ended.status == "failed":
            failures[ended.member.name] = ended.problem
            write_json(path, dict(failures))
        search.tell(ended.member, None if ended.status == "failed" else _accuracy(ended.member.name))
        log(_describe(ended))
    if stopped:
        raise RunError(
            _("stopped at {run}; sweep --resume {name} goes on there").format(run=stopped[0].place, name=sweep.name)
        )
    results = [
        SweepRun(read_run(own_runs_folder() / name), values, failures.get(name, ""))
        for name, values in search.values().items()
        if name in failures or (own_runs_folder() / name / "recipe.toml").exists()
    ]
    if all(result.problem for result in results):
        problem = next((result.problem for result in results), _("no combination of the values can be trained"))
        raise RunError(_("all runs of {name} failed: {problem}").format(name=sweep.name, problem=problem))
    return sorted(results, key=lambda result: -result.accuracy)


def _waiting(search: Search, failures: Mapping[str, str], origin: RunContext) -> Iterator[SeriesRun]:
    """Yield the runs that have not ended, and tell the search of those that have."""
    for member in search.members():
        check_name_unused(member, origin)
        if member.name in failures:
            search.tell(member, None)
        elif is_finished(member):
            search.tell(member, _accuracy(member.name))
        else:
            yield member


def _accuracy(name: str) -> float:
    return read_run(own_runs_folder() / name).best_val_accuracy


def _describe(ended: Ended) -> str:
    if ended.status == "failed":
        return _("{run} failed: {problem}").format(run=ended.member.name, problem=ended.problem)
    return _("{run}: best validation accuracy {accuracy}").format(
        run=ended.member.name, accuracy=f"{_accuracy(ended.member.name):.2%}"
    )
