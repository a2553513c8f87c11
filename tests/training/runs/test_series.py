from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.drawn import save_untrained
from tests.training.runs.pretend import pretend
from training.recipes.recipe import Recipe, RecipeError
from training.recipes.recipe_file import ablation_names, recipe_names, to_toml
from training.runs.changes import remove_run, rename_run, restore_run
from training.runs.data_provenance import RunContext, write_context
from training.runs.run import list_runs, own_run_folder, own_runs_folder
from training.runs.run_files import CHECKPOINT, RunError, write_json
from training.runs.series import (
    SeriesRun,
    ablation_series,
    format_markdown,
    format_summary,
    format_table,
    one_after_another,
    recipe_results,
    reference_run,
    run_series,
    seed_series,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    return tmp_path


def test_seeds_differ_in_their_seed_alone() -> None:
    members = seed_series(Recipe(seed=4), "quick", 3)
    assert [member.name for member in members] == ["quick-seed4", "quick-seed5", "quick-seed6"]
    assert [member.recipe.seed for member in members] == [4, 5, 6]
    assert all(dataclasses.replace(member.recipe, seed=4) == members[0].recipe for member in members)


def test_a_series_trains_what_is_not_finished_and_resumes_what_was_cut_off() -> None:
    members = seed_series(Recipe(), "quick", 3)
    pretend(members[0])
    cut = own_runs_folder() / members[1].name
    cut.mkdir()
    (cut / "recipe.toml").write_text(to_toml(members[1].recipe))
    (cut / CHECKPOINT).touch()
    calls = []

    def train(member: SeriesRun, resume: bool) -> str:
        calls.append((member.name, resume))
        pretend(member)
        return "finished"

    runs = run_series(members, one_after_another(train), RunContext())
    assert calls == [("quick-seed1", True), ("quick-seed2", False)]
    assert [run.name for run in runs] == ["quick-seed0", "quick-seed1", "quick-seed2"]


def test_a_series_ends_where_a_run_was_stopped_and_goes_on_there() -> None:
    members, calls, outcomes = (
        seed_series(Recipe(), "quick", 3),
        [],
        ["finished", "interrupted", "finished", "finished"],
    )

    def train(member: SeriesRun, resume: bool) -> str:
        calls.append(member.name)
        pretend(member)
        status = outcomes.pop(0)
        if status == "interrupted":
            write_json(own_runs_folder() / member.name / "metrics.json", {"status": status})
        return status

    with pytest.raises(RunError, match="stopped at quick-seed1; the same command goes on there"):
        run_series(members, one_after_another(train), RunContext())
    assert calls == ["quick-seed0", "quick-seed1"]
    assert [run.status for run in run_series(members, one_after_another(train), RunContext())] == ["finished"] * 3
    assert calls == ["quick-seed0", "quick-seed1", "quick-seed1", "quick-seed2"]


def test_ctrl_c_before_the_first_epoch_says_how_to_go_on() -> None:
    def train(member: SeriesRun, resume: bool) -> str:
        raise KeyboardInterrupt

    with pytest.raises(RunError, match="stopped at quick-seed0; the same command goes on there"):
        run_series(seed_series(Recipe(), "quick", 2), one_after_another(train), RunContext())


def test_a_run_with_other_values_is_not_taken_for_a_member() -> None:
    members = seed_series(Recipe(), "quick", 1)
    pretend(SeriesRun("quick-seed0", Recipe(epochs=3)))
    with pytest.raises(RecipeError, match="'quick-seed0' was made with other values; remove it"):
        run_series(members, one_after_another(lambda member, resume: "finished"), RunContext())


def test_a_run_of_other_pictures_is_not_taken_for_a_member() -> None:
    members = seed_series(Recipe(), "quick", 1)
    pretend(members[0])
    write_context(own_runs_folder() / members[0].name, RunContext("/flowers"))
    assert run_series(members, one_after_another(lambda member, resume: "finished"), RunContext("/flowers"))
    with pytest.raises(RecipeError, match="'quick-seed0' was trained on /flowers, not on /pets; remove it"):
        run_series(members, one_after_another(lambda member, resume: "finished"), RunContext("/pets"))
    with pytest.raises(RecipeError, match="was trained on /flowers, not on CIFAR-10, downloaded; remove it"):
        run_series(members, one_after_another(lambda member, resume: "finished"), RunContext())


def test_a_series_replaces_no_network(home: Path) -> None:
    save_untrained(home / "bundles" / "quick-seed1")
    calls: list[str] = []

    def train(member: SeriesRun, resume: bool) -> str:
        calls.append(member.name)
        return "finished"

    with pytest.raises(RunError, match="there is a network 'quick-seed1' already; take another name"):
        run_series(seed_series(Recipe(), "quick", 2), one_after_another(train), RunContext())
    assert not calls  # not found out after the first run of hours


def test_the_summary_is_of_the_test_sets_that_all_runs_have() -> None:
    members = seed_series(Recipe(), "quick", 2)
    for member in members:
        pretend(member)
    folder = own_runs_folder() / members[1].name
    write_json(folder / "metrics.json", {"status": "finished", "accuracy": {"other test": {"keras": 1.0, "int8": 1.0}}})
    runs = run_series(members, one_after_another(lambda member, resume: "finished"), RunContext())
    assert format_summary(runs) == []


def test_a_new_name_is_no_networks_name_but_the_runs_own(home: Path) -> None:
    pretend(SeriesRun("first", Recipe()))
    save_untrained(home / "bundles" / "taken")
    with pytest.raises(RunError, match="there is a network 'taken' already"):
        rename_run("first", "taken")
    write_json(own_runs_folder() / "first" / "metrics.json", {"status": "finished", "model": "taken"})
    rename_run("first", "taken")
    restore_run(remove_run("taken"), "taken")
    assert own_run_folder("taken").name == "taken"


def test_summary_has_mean_and_spread() -> None:
    members = seed_series(Recipe(), "quick", 3)
    for member, share in zip(members, (0.9, 0.94, 0.95), strict=True):
        pretend(member, share)
    runs = run_series(members, one_after_another(lambda member, resume: "finished"), RunContext())
    assert format_summary(runs)[0] == (
        "shapes test, all 36 (keras): mean 93.00%, standard deviation 2.65%, 90.00% to 95.00%, n 3"
    )
    assert [line.split()[0] for line in format_table(runs)] == ["run", *(member.name for member in members)]
    assert "94.00%" in format_table(runs)[2]


@pytest.mark.parametrize("name", ablation_names())
def test_every_ablation_changes_something(name: str) -> None:
    members = ablation_series(name, ("epochs=2",))
    bare = [dataclasses.replace(member.recipe, name="", description="", reported="") for member in members]
    assert len(members) > 1
    assert len(set(bare)) == len(bare)
    assert {recipe.epochs for recipe in bare} == {2}


def test_an_unknown_ablation_lists_the_known() -> None:
    with pytest.raises(RecipeError, match=r"unknown ablation 'vgg4'; ablations: .*; did you mean 'vgg3'\?"):
        ablation_series("vgg4")


def test_the_shipped_run_shows_a_recipes_figures() -> None:
    pretend(SeriesRun("fast-again", Recipe(name="fast")), 0.1)
    pretend(SeriesRun("mine", Recipe(name="mine")))
    runs = list_runs()
    run = reference_run("fast", runs)
    assert run is not None
    assert run.name == "fast"
    assert reference_run("nothing", runs) is None
    assert reference_run("mine", runs) is not None


def test_every_recipe_and_variant_stands_beside_its_source() -> None:
    rows = recipe_results()
    assert [row.name for row in rows] == recipe_names()
    lines = format_markdown(rows)
    assert len({line.count("|") for line in lines}) == 1  # a table
    fast = next(row for row in rows if row.name == "fast").run
    assert fast is not None
    figures = fast.accuracy["cifar10 test, first 1,000"]["keras"]
    assert f"| – | {100 * figures:.2f} % |" in next(line for line in lines if line.startswith("| `fast` |"))


def test_a_run_can_be_removed_restored_and_renamed() -> None:
    pretend(SeriesRun("first", Recipe()))
    trash = remove_run("first")
    with pytest.raises(RunError, match="unknown run 'first'; your runs: none"):
        own_run_folder("first")
    restore_run(trash, "first")
    rename_run("first", "second")
    assert own_run_folder("second").name == "second"
    pretend(SeriesRun("third", Recipe()))
    with pytest.raises(RunError, match="there is a run 'third' already"):
        rename_run("second", "third")
    with pytest.raises(RunError, match="'fast' came with Vitrine"):
        remove_run("fast")
