from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from model.common.errors import VitrineError
from tests.training.runs.pretend import pretend
from training.recipes.recipe import Recipe, RecipeError
from training.recipes.recipe_file import load_recipe, to_toml
from training.runs.data_provenance import RunContext
from training.runs.process import StoppedRun
from training.runs.run import own_runs_folder
from training.runs.run_files import CHECKPOINT, RunError
from training.runs.series import SeriesRun, one_after_another
from training.runs.sweep import GridSearch, Search, Sweep, SweepRun, begin_sweep, find_sweep, run_sweep
from training.runs.sweep_report import format_sweep, write_best

SHIFTS = Sweep("mine", Recipe(), ("augmentation.shift=1:4", "optimizer.learning_rate=0.01,0.0312345"))


class Diverged(VitrineError, RuntimeError):
    """What a training raises that cannot go on."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    return tmp_path


def accuracy_of(recipe: Recipe) -> float:
    """The best is a shift of 3 with the lower rate."""
    return 0.9 - 0.1 * abs(recipe.augmentation.shift - 3) - recipe.optimizer.learning_rate


def train(member: SeriesRun, resume: bool) -> str:
    pretend(member, val_accuracy=accuracy_of(member.recipe))
    return "finished"


def carry_out(
    sweep: Sweep, search: Search, function: Callable[[SeriesRun, bool], str] = train, log: list[str] | None = None
) -> list[SweepRun]:
    said: list[str] = [] if log is None else log
    return run_sweep(sweep, search, one_after_another(function, keep_going=True), RunContext(), said.append)


def test_a_grid_is_trained_and_sorted_and_its_best_is_a_recipe(home: Path) -> None:
    begin_sweep(SHIFTS, 8, RunContext())
    log: list[str] = []
    results = carry_out(SHIFTS, GridSearch(SHIFTS), log=log)
    assert results[0].run.name == "mine-5"
    assert [result.accuracy for result in results] == sorted((result.accuracy for result in results), reverse=True)
    assert len(log) == len(results) == 8
    assert log[0] == "mine-1: best validation accuracy 69.00%"
    best = load_recipe(str(write_best(SHIFTS, results[0])))
    assert best == load_recipe(str(own_runs_folder() / "mine-5" / "recipe.toml"))
    assert (best.augmentation.shift, best.optimizer.learning_rate) == (3, 0.01)
    head, first, *_others = format_sweep(results)
    assert head.split() == ["run", "epochs", "minutes", "validation", "augmentation.shift", "optimizer.learning_rate"]
    assert first.split() == ["mine-5", "1", "0.2", "89.00%", "3", "0.01"]
    assert format_sweep(results)[2].split()[-1] == "0.03123"


def test_a_sweep_goes_on_where_it_was_stopped() -> None:
    begin_sweep(SHIFTS, 8, RunContext("/flowers"))
    calls: list[tuple[str, bool]] = []

    def stopped_at_the_third(member: SeriesRun, resume: bool) -> str:
        calls.append((member.name, resume))
        if member.name == "mine-3" and not resume:
            folder = own_runs_folder() / member.name
            folder.mkdir()
            (folder / "recipe.toml").write_text(to_toml(member.recipe))
            (folder / CHECKPOINT).touch()
            return "interrupted"
        return train(member, resume)

    with pytest.raises(RunError, match="stopped at mine-3; sweep --resume mine goes on there"):
        carry_out(SHIFTS, GridSearch(SHIFTS), stopped_at_the_third)
    found = find_sweep("mine", None)
    assert found == SHIFTS
    assert len(carry_out(found, GridSearch(found), stopped_at_the_third)) == 8
    assert calls[:4] == [("mine-1", False), ("mine-2", False), ("mine-3", False), ("mine-3", True)]
    assert len(calls) == 9


def test_a_sweep_stopped_in_the_first_epoch_of_a_run_stops_and_trains_that_run_when_it_goes_on() -> None:
    begin_sweep(SHIFTS, 8, RunContext())
    calls: list[str] = []

    def stopped_at_the_third(member: SeriesRun, resume: bool) -> str:
        calls.append(member.name)
        if calls == ["mine-1", "mine-2", "mine-3"]:
            raise StoppedRun("stopped before the first epoch ended: there are no weights to keep")
        return train(member, resume)

    with pytest.raises(RunError, match="stopped at mine-3; sweep --resume mine goes on there"):
        carry_out(SHIFTS, GridSearch(SHIFTS), stopped_at_the_third)
    assert not (SHIFTS.folder / "failures.json").exists()
    results = carry_out(SHIFTS, GridSearch(SHIFTS), stopped_at_the_third)
    assert len(results) == 8 and not any(result.problem for result in results)
    assert calls == ["mine-1", "mine-2", "mine-3", *(f"mine-{number}" for number in range(3, 9))]


def test_a_run_that_fails_is_noted_and_not_tried_again() -> None:
    begin_sweep(SHIFTS, 8, RunContext())
    calls = []

    def diverges(member: SeriesRun, resume: bool) -> str:
        calls.append(member.name)
        if member.recipe.augmentation.shift == 3:
            raise Diverged("the loss became nan")
        return train(member, resume)

    log: list[str] = []
    results = carry_out(SHIFTS, GridSearch(SHIFTS), diverges, log)
    assert "mine-5 failed: the loss became nan" in log
    assert [result.run.name for result in results[-2:]] == ["mine-5", "mine-6"]
    assert next(result.run.name for result in results if not result.problem) == "mine-3"
    assert format_sweep(results)[-1].split()[:4] == ["mine-6", "–", "–", "failed"]
    assert len(carry_out(SHIFTS, GridSearch(SHIFTS), diverges)) == len(calls) == 8


def test_when_all_fail_their_reason_is_given() -> None:
    begin_sweep(SHIFTS, 8, RunContext())

    def diverges(member: SeriesRun, resume: bool) -> str:
        raise Diverged("the loss became nan")

    with pytest.raises(RunError, match="all runs of mine failed: the loss became nan"):
        carry_out(SHIFTS, GridSearch(SHIFTS), diverges)


def test_a_new_sweep_takes_no_name_that_is_in_use() -> None:
    begin_sweep(SHIFTS, 8, RunContext())
    with pytest.raises(RunError, match="there is a sweep 'mine' already; go on with it with --resume mine"):
        begin_sweep(SHIFTS, 8, RunContext())
    pretend(SeriesRun("other-8", Recipe()))
    with pytest.raises(RunError, match="there is a run 'other-8' already"):
        begin_sweep(replace(SHIFTS, name="other"), 8, RunContext())


def test_what_goes_on_is_what_was_begun() -> None:
    with pytest.raises(RunError, match="unknown sweep 'mine'; your sweeps: none"):
        find_sweep("mine", None)
    begin_sweep(SHIFTS, 8, RunContext())
    with pytest.raises(RunError, match="unknown sweep 'yours'; your sweeps: mine"):
        find_sweep("yours", None)
    with pytest.raises(RunError, match="'mine' is a grid, which has no trials"):
        find_sweep("mine", 5)
    with pytest.raises(RunError, match=r"'mine' goes over augmentation.shift=1:4 .*others are a new sweep"):
        find_sweep("mine", None, ("epochs=1,2",))
    pretend(SeriesRun("mine-2", Recipe(epochs=77)))
    with pytest.raises(RecipeError, match="'mine-2' was made with other values"):
        carry_out(SHIFTS, GridSearch(SHIFTS))


def test_trials_can_become_more() -> None:
    begin_sweep(replace(SHIFTS, trials=3), 3, RunContext())
    assert find_sweep("mine", 5).trials == 5
    assert find_sweep("mine", None).trials == 5
