from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dashboard.presenters.run_table import (
    MARK,
    button_label,
    current_activity,
    fraction_done,
    highlight_differences,
    network_of,
    overview,
    recipe_table,
)
from model.registry.card import Card, write_card
from model.registry.resolution import DEFAULT, find_bundle
from training.runs.history import History
from training.runs.run import Run, list_runs, own_runs_folder
from training.runs.run_files import write_json

PROGRESS: dict[str, Any] = {"updated": 0.0, "epoch": 2, "epochs": 4, "step": 5, "steps": 10, "eta_seconds": 700}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    return tmp_path


def run(name: str, recipe: dict[str, Any] | None = None, **progress: Any) -> Run:
    said = progress | {"updated": time.time()} if progress else {}
    return Run(name, own_runs_folder() / name, recipe or {}, History(), {}, said)


def test_values_that_differ_are_marked_and_can_be_had_alone() -> None:
    runs = [
        run("a", {"name": "a", "epochs": 5, "model": {"depth": 1, "batch_norm": False}}),
        run("b", {"name": "b", "epochs": 5, "model": {"depth": 2, "batch_norm": False}, "new": True}),
    ]
    table = recipe_table(runs)
    assert table.loc["model.depth"].tolist() == [MARK, "1", "2"]
    assert table.loc["new"].tolist() == [MARK, "–", "true"]
    assert table.loc["epochs"].tolist() == ["", "5", "5"]
    assert table.loc["name", MARK] == ""  # every run has its own name
    assert recipe_table(runs, only_differing=True).index.tolist() == ["model.depth", "new"]
    style = highlight_differences(table)
    assert style.loc["model.depth"].astype(bool).tolist() == [False, False, True]
    assert not style.loc["epochs"].any()


def test_a_value_that_an_older_recipe_does_not_name_is_the_default() -> None:
    table = recipe_table([run("old", {"epochs": 10}), run("new", {"epochs": 10, "patience": 10, "monitor": "loss"})])
    assert table.loc["patience"].tolist() == ["", "10", "10"]
    assert table.loc["monitor"].tolist() == [MARK, "accuracy", "loss"]


def test_equal_recipes_differ_in_nothing() -> None:
    assert recipe_table([run("a", {"epochs": 5}), run("b", {"epochs": 5})], only_differing=True).empty
    assert recipe_table([run("a"), run("b")]).empty


def test_overview_leaves_out_what_no_run_has() -> None:
    assert "its source reports" not in overview([run("a")]).columns
    assert overview([run("a", {"reported": "90 %"})])["its source reports"].tolist() == ["90 %"]


def test_progress_is_a_share_and_words() -> None:
    running = run("a", {"epochs": 4}, **PROGRESS)
    assert fraction_done(running) == 15 / 40
    assert current_activity(running) == "epoch 2 of 4, about 12 min left"
    assert current_activity(run("a", {"epochs": 4}, step=1)) == "gets ready for its first epoch"
    done = replace(running, history=History(*[(1.0, 2.0, 3.0, 4.0)] * 7))
    assert current_activity(done) == "has had its last epoch; its network is written and measured"


@pytest.mark.parametrize(
    "change", [{"steps": 0}, {"epochs": "x"}, {"epoch": None}, {"eta_seconds": -1}, {"step": [1]}, {"steps": -3}]
)
def test_progress_of_rubbish_is_unknown(change: dict[str, Any]) -> None:
    broken = run("a", {"epochs": 4}, **PROGRESS | change)
    assert fraction_done(broken) is None
    assert current_activity(broken) == "gets ready for its first epoch"


def bundle(home: Path, name: str) -> None:
    (home / "bundles" / name).mkdir(parents=True)
    write_card(home / "bundles" / name, Card(name, ("a", "b"), 32, 1, 0, "fast", "none", "2026-01-31"))


def test_the_network_of_a_run_is_the_one_it_made(home: Path) -> None:
    ended = replace(run("mine"), metrics={"status": "interrupted", "model": "mine"})
    assert network_of(ended) is None
    bundle(home, "mine")
    assert network_of(ended) == "mine"
    assert network_of(replace(ended, name="renamed", path=own_runs_folder() / "renamed")) == "mine"
    assert network_of(run("mine")) is None  # it has not ended: an older run's network lies there


def test_no_run_takes_the_shipped_network_for_its_own(home: Path) -> None:
    bundle(home, DEFAULT)  # hidden by the shipped one
    assert network_of(replace(run(DEFAULT), metrics={"status": "finished"})) is None
    shipped = next(run for run in list_runs() if run.name == DEFAULT)
    assert network_of(shipped) == DEFAULT
    assert find_bundle(DEFAULT).parent != home / "bundles"


def test_a_name_is_a_label_that_markdown_leaves_alone() -> None:
    assert button_label("vgg3-batch_norm.1") == "vgg3-batch_norm.1"
    assert button_label("**bold**") == r"\*\*bold\*\*"


def test_a_run_with_odd_metrics_is_listed(home: Path) -> None:
    folder = own_runs_folder() / "odd"
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text("epochs = 3\nreported = 4\n")
    write_json(folder / "metrics.json", {"status": 7, "accuracy": [], "model": ["x"]})
    (odd,) = [run for run in list_runs() if run.name == "odd"]
    assert overview([odd])["status"].tolist() == ["7"]
    assert network_of(odd) is None
