"""Train several runs that belong together: one recipe with several seeds, or the variants of an ablation."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.common.errors import VitrineError
from model.common.text import did_you_mean
from model.datasets.splits import UnsuitableSize
from model.i18n.translations import gettext as _
from training.recipes.recipe import Recipe, RecipeError
from training.recipes.recipe_file import ablation_names, ablation_variants, load_recipe, recipe_names
from training.runs.data_provenance import RunContext, read_context
from training.runs.process import StoppedRun
from training.runs.run import Run, check_unused_name, list_runs, own_runs_folder, read_run
from training.runs.run_files import CHECKPOINT, RunError

_DOWNLOADED = "CIFAR-10, downloaded"


@dataclass(frozen=True)
class SeriesRun:
    """One run of a series: its name and its recipe."""

    name: str
    recipe: Recipe


def seed_series(recipe: Recipe, name: str, count: int) -> list[SeriesRun]:
    """Return the recipe with `count` seeds, from its own on; the runs are called name-seed0, name-seed1 and so on."""
    return [
        SeriesRun(f"{name}-seed{seed}", dataclasses.replace(recipe, seed=seed))
        for seed in range(recipe.seed, recipe.seed + count)
    ]


def ablation_series(name: str, overrides: tuple[str, ...] = ()) -> list[SeriesRun]:
    """Return the variants of a shipped ablation, with `key=value` overrides for all.

    Raises:
        RecipeError: The ablation is unknown, or an override is invalid.
    """
    if name not in ablation_names():
        known = ablation_names()
        raise RecipeError(f"unknown ablation {name!r}; ablations: {', '.join(known)}{did_you_mean(name, known)}")
    loaded = [(title, load_recipe(title, overrides)) for title in ablation_variants(name)]
    return [SeriesRun(title, dataclasses.replace(recipe, name=title)) for title, recipe in loaded]


@dataclass(frozen=True)
class Ended:
    """How a run of a series ended: `finished`, `interrupted` or `failed`, and why, where there is more to say."""

    member: SeriesRun
    status: str
    problem: str = ""

    @property
    def place(self) -> str:
        """The run's name, and why it ended."""
        return f"{self.member.name} ({self.problem})" if self.problem else self.member.name


# Trains the runs that it is given, and yields each as it ends; it asks for the next when it has room for one.
Runner = Callable[[Iterable[SeriesRun]], Iterator[Ended]]


def one_after_another(train: Callable[[SeriesRun, bool], str], keep_going: bool = False) -> Runner:
    """Return a runner that trains here, with `train(member, resume)`, which returns the status at the end.

    It stops at a run that is interrupted, and at one that fails unless it is to `keep_going`.
    """

    def run_all(members: Iterable[SeriesRun]) -> Iterator[Ended]:
        for member in members:
            ended = _train_one(member, train)
            yield ended
            if ended.status == "interrupted" or (ended.status == "failed" and not keep_going):
                return

    return run_all


def _train_one(member: SeriesRun, train: Callable[[SeriesRun, bool], str]) -> Ended:
    try:
        return Ended(member, train(member, can_continue(member)))
    except (KeyboardInterrupt, StoppedRun):  # before its first epoch ended
        return Ended(member, "interrupted")
    except UnsuitableSize as error:  # other runs of the series may have another size
        return Ended(member, "failed", str(error))
    except RuntimeError as error:  # a TrainingError; its class costs the import of Keras
        if not isinstance(error, VitrineError):
            raise
        return Ended(member, "failed", str(error))


def run_series(members: list[SeriesRun], run_all: Runner, origin: RunContext) -> list[Run]:
    """Train every run of a series that is not finished.

    Raises:
        RunError: A run was interrupted; the same command continues there. Or it failed.
        RecipeError: A run with that name has other values or other data; raised before any training.
    """
    for member in members:
        check_name_unused(member, origin)
    ended = list(run_all(member for member in members if not is_finished(member)))
    for one in ended:
        if one.status == "failed":
            raise RunError(_("{run} failed: {problem}").format(run=one.member.name, problem=one.problem))
        if one.status == "interrupted":
            raise RunError(_("stopped at {run}; the same command goes on there").format(run=one.place))
    return [read_run(own_runs_folder() / member.name) for member in members]


def is_finished(member: SeriesRun) -> bool:
    """Return whether a run of a series is done."""
    folder = own_runs_folder() / member.name
    return _is_begun(folder) and read_run(folder).status == "finished"


def can_continue(member: SeriesRun) -> bool:
    """Return whether a run of a series has a checkpoint to go on from."""
    return (own_runs_folder() / member.name / CHECKPOINT).exists()


def _is_begun(folder: Path) -> bool:
    return (folder / "recipe.toml").exists()


def check_name_unused(member: SeriesRun, origin: RunContext) -> None:
    """Raise RecipeError or RunError where another run or a network has a member's name."""
    folder = own_runs_folder() / member.name
    if not _is_begun(folder):
        check_unused_name(member.name)
        return
    way_out = f"remove it (runs rm {member.name}) or rename it"
    if load_recipe(str(folder / "recipe.toml")) != member.recipe:
        raise RecipeError(f"the run {member.name!r} was made with other values; {way_out}")
    known = read_context(folder)
    if known is not None and known.data != origin.data:
        raise RecipeError(
            f"the run {member.name!r} was trained on {known.data or _DOWNLOADED}, not on {origin.data or _DOWNLOADED}; "
            f"{way_out}"
        )


def format_table(runs: list[Run]) -> list[str]:
    """Format one line per run: epochs, minutes, best validation accuracy, accuracy on each test set."""
    sets = list(dict.fromkeys(title for run in runs for title in run.accuracy))
    heads = [title.partition(" test, ")[2] or title for title in sets]
    lines = [f"{'run':<24} epochs  minutes  validation" + "".join(f"  {head:>12}" for head in heads)]
    for run in runs:
        figures = "".join(
            f"  {run.accuracy[title]['keras']:>12.2%}" if title in run.accuracy else " " * 14 for title in sets
        )
        lines.append(
            f"{run.name:<24} {len(run.history):>6}  {run.minutes:>7.1f}  {run.best_val_accuracy:>10.1%}{figures}"
        )
    return lines


def format_summary(runs: list[Run]) -> list[str]:
    """Format mean and standard deviation of the accuracy on each test set."""
    lines = []
    for title in [title for title in runs[0].accuracy if all(title in run.accuracy for run in runs)]:
        for engine in ("keras", "int8"):
            shares = [run.accuracy[title][engine] for run in runs]
            deviation = statistics.stdev(shares) if len(shares) > 1 else 0.0
            lines.append(
                f"{title} ({engine}): mean {statistics.mean(shares):.2%}, standard deviation {deviation:.2%}, "
                f"{min(shares):.2%} to {max(shares):.2%}, n {len(shares)}"
            )
    return lines


@dataclass(frozen=True)
class _RecipeResult:
    """A recipe or a variant of an ablation: what its source reported, and the run that shows what it reaches here."""

    name: str
    recipe: Recipe
    run: Run | None


def recipe_results() -> list[_RecipeResult]:
    """Return every shipped recipe with its result; variants of ablations come last."""
    shown = list_runs()
    return [_RecipeResult(name, load_recipe(name), reference_run(name, shown)) for name in recipe_names()]


def reference_run(recipe: str, runs: list[Run]) -> Run | None:
    """Return the finished run that shows a recipe's result: the shipped one, or the user's newest; None if none."""
    found = [run for run in runs if run.recipe.get("name") == recipe and run.status == "finished" and run.accuracy]
    shipped = [run for run in found if run.path.parent != own_runs_folder()]
    return next(iter(shipped or found), None)


def format_markdown(rows: list[_RecipeResult]) -> list[str]:
    """Format the results as a Markdown table."""
    lines = ["| recipe | network | its source reports | first 1,000 | all 10,000 | minutes |", "| --- " * 6 + "|"]
    for row in rows:
        cells = ["–", "–"]
        if row.run:
            shares = [row.run.test_accuracy(title) for title in ("first 1,000", "all 10,000")]
            cells = [f"{share:.2%}".replace("%", " %") if share == share else "–" for share in shares]
        minutes = f"{row.run.minutes:.0f}" if row.run else "–"
        reported = row.recipe.reported or "–"
        lines.append(f"| `{row.name}` | {row.recipe.description} | {reported} | {cells[0]} | {cells[1]} | {minutes} |")
    return lines
