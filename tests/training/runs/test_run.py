from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from tests.training.runs.drawn_runs import make_run
from training.runs import run as run_module
from training.runs.process import claim_run
from training.runs.run import find_resumable, list_runs, own_runs_folder, read_run
from training.runs.run_files import CHECKPOINT, RunError


def test_status_follows_what_the_run_says(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    assert read_run(folder).status == "cut off"
    (folder / "progress.json").write_text(json.dumps({"updated": time.time() - 5, "step": 3}))
    assert read_run(folder).status == "running"
    (folder / "progress.json").write_text(json.dumps({"updated": time.time() - 3600}))
    assert read_run(folder).status == "cut off"
    for status in ("interrupted", "finished"):
        (folder / "metrics.json").write_text(json.dumps({"status": status}))
        assert read_run(folder).status == status


def test_half_written_files_count_as_empty(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "metrics.json").write_text('{"status": "fini')
    (folder / "progress.json").write_text("[1, 2]")
    (folder / "recipe.toml").write_text('name = "fa')
    run = read_run(folder)
    assert (run.metrics, run.progress, run.recipe, run.status) == ({}, {}, {}, "cut off")


def test_a_run_sums_up_its_epochs(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", 3))
    assert run.best_val_accuracy == 0.375
    assert run.minutes == pytest.approx(3 * 12.345 / 60, rel=1e-4)
    assert run.recipe["epochs"] == 5


def test_own_runs_come_first_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(run_module, "SHIPPED_RUNS", tmp_path / "shipped")
    for name in ("shipped/b", "shipped/a", "home/runs/new", "home/runs/old", "home/runs/middle"):
        make_run(tmp_path / name)
    (tmp_path / "home/runs/no-run").mkdir()
    for age, name in enumerate(("new", "middle", "old")):
        moment = time.time() - 1000 * age
        os.utime(tmp_path / "home/runs" / name / "recipe.toml", (moment, moment))
    assert [run.name for run in list_runs()] == ["new", "middle", "old", "a", "b"]


def test_a_run_that_is_removed_while_the_runs_are_listed_is_not_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    for name in ("going", "reading", "staying"):
        (own_runs_folder() / name).mkdir(parents=True)
        (own_runs_folder() / name / "recipe.toml").write_text('name = "fast"\n')
    really, glob = run_module.read_run, Path.glob

    def found(self: Path, pattern: str) -> list[Path]:
        paths = list(glob(self, pattern))
        shutil.rmtree(own_runs_folder() / "going", ignore_errors=True)
        return paths

    def read(folder: Path) -> run_module.Run:
        if folder.name == "reading":
            shutil.rmtree(folder)
        return really(folder)

    monkeypatch.setattr(Path, "glob", found)
    monkeypatch.setattr(run_module, "read_run", read)
    assert [run.name for run in list_runs() if run.path.parent == own_runs_folder()] == ["staying"]


@pytest.fixture
def unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A run with a checkpoint, and a newer one."""
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    older, newer = make_run(tmp_path / "runs" / "older"), make_run(tmp_path / "runs" / "newer")
    for age, folder in ((0, newer), (1000, older)):
        (folder / CHECKPOINT).touch()
        os.utime(folder / CHECKPOINT, (time.time() - age, time.time() - age))
    return older, newer


def test_the_newest_run_goes_on_that_is_not_in_training(unfinished: tuple[Path, Path]) -> None:
    older, newer = unfinished
    assert find_resumable(None) == newer
    with claim_run(newer):
        assert find_resumable(None) == older
        assert find_resumable("newer") == newer  # begun by the page, the process itself is known as the run's already
        with claim_run(older), pytest.raises(RunError, match="no unfinished run in"):
            find_resumable(None)


def test_a_run_that_was_stopped_in_its_first_epoch_goes_on_too(unfinished: tuple[Path, Path]) -> None:
    older, newer = unfinished
    latest = make_run(older.parent / "latest")
    os.utime(latest / "recipe.toml", (time.time() + 5, time.time() + 5))
    for folder in (older, newer):
        os.utime(folder / "recipe.toml", (0, 0))
    assert find_resumable(None) == latest


def test_a_finished_run_does_not_go_on_and_the_sentence_says_so(unfinished: tuple[Path, Path]) -> None:
    _older, newer = unfinished
    (newer / CHECKPOINT).unlink()
    (newer / "metrics.json").write_text(json.dumps({"status": "finished"}))
    with pytest.raises(RunError, match="the run 'newer' is finished; begin another one with another --name"):
        find_resumable("newer")
    with pytest.raises(RunError, match="typo has no checkpoint to resume from; leave --resume out"):
        find_resumable("typo")
