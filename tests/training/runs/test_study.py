from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.runs.pretend import pretend
from training.recipes.recipe import Recipe, RecipeError
from training.runs.data_provenance import RunContext
from training.runs.run_files import RunError
from training.runs.series import SeriesRun, one_after_another
from training.runs.study import OptunaSearch
from training.runs.sweep import Sweep, SweepRun, begin_sweep, run_sweep

RATES = Sweep(
    "mine", Recipe(), ("optimizer.learning_rate=1e-4:1:log", "augmentation.shift=0:8", "optimizer.name=adam,sgd"), 12
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    return tmp_path


def train(member: SeriesRun, resume: bool) -> str:
    recipe = member.recipe
    pretend(member, val_accuracy=0.9 - abs(recipe.optimizer.learning_rate - 0.05) / 2 - recipe.augmentation.shift / 100)
    return "finished"


def carry_out(sweep: Sweep, function: object = train, log: list[str] | None = None) -> list[SweepRun]:
    said: list[str] = [] if log is None else log
    run_all = one_after_another(function, keep_going=True)  # type: ignore[arg-type]
    return run_sweep(sweep, OptunaSearch(sweep, said.append), run_all, RunContext(), said.append)


def test_trials_are_within_their_ranges_and_the_best_comes_first() -> None:
    begin_sweep(RATES, 12, RunContext())
    results = carry_out(RATES)
    assert {result.run.name for result in results} == {f"mine-{number}" for number in range(1, 13)}
    assert [result.accuracy for result in results] == sorted((result.accuracy for result in results), reverse=True)
    for result in results:
        assert 1e-4 <= float(result.values["optimizer.learning_rate"]) <= 1
        assert int(result.values["augmentation.shift"]) in range(9)
        assert result.values["optimizer.name"] in ("adam", "sgd")


def test_a_study_that_was_stopped_goes_on_with_the_same_trials(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin_sweep(RATES, 12, RunContext())
    whole = {result.run.name: result.values for result in carry_out(RATES)}
    monkeypatch.setenv("VITRINE_HOME", str(home / "again"))
    begin_sweep(RATES, 12, RunContext())
    calls = []

    def stopped(member: SeriesRun, resume: bool) -> str:
        calls.append(member.name)
        return "interrupted" if calls == ["mine-1", "mine-2", "mine-3"] else train(member, resume)

    with pytest.raises(RunError, match="stopped at mine-3; sweep --resume mine goes on there"):
        carry_out(RATES, stopped)
    assert {result.run.name: result.values for result in carry_out(RATES, stopped)} == whole
    assert calls == ["mine-1", "mine-2", "mine-3", *(f"mine-{number}" for number in range(3, 13))]


def test_a_run_that_ended_unheard_is_told_to_the_study_when_it_goes_on() -> None:
    begin_sweep(RATES, 12, RunContext())
    pretend(next(OptunaSearch(RATES, print).members()), val_accuracy=0.99)  # killed before it was told
    assert carry_out(RATES)[0].run.name == "mine-1"


def test_what_was_trained_already_is_not_trained_again() -> None:
    two = Sweep("mine", Recipe(), ("optimizer.name=adam,sgd",), 8)
    begin_sweep(two, 8, RunContext())
    log: list[str] = []
    results = carry_out(two, log=log)
    assert len(results) == 2
    assert sum("it is not trained again" in line for line in log) == 6


def test_values_that_do_not_go_together_cost_one_trial() -> None:
    tuned = Sweep("mine", Recipe(), ("fine_tuning.epochs=1:9", "epochs=5:10"), 12)
    begin_sweep(tuned, 12, RunContext())
    log: list[str] = []
    results = carry_out(tuned, log=log)
    refused = [line for line in log if "they are the last of the" in line]
    assert refused and results
    assert len(results) + len(refused) + sum("not trained again" in line for line in log) == 12


def test_a_range_out_of_bounds_is_named() -> None:
    with pytest.raises(RecipeError, match=r"augmentation.shift is 99; it can be 0 to 16"):
        OptunaSearch(replace(RATES, axes=("augmentation.shift=0:99",)), print)
