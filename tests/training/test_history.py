from __future__ import annotations

import json
import math
import os
import shutil
import time
from pathlib import Path

import pytest

from training import history
from training.history import append_epoch, duration, list_runs, own_runs, read_history, read_run


def row(epoch: int) -> dict[str, float]:
    return {
        "epoch": epoch,
        "loss": 2.5 / epoch,
        "accuracy": 0.25 * epoch,
        "val_loss": 2.75 / epoch,
        "val_accuracy": 0.125 * epoch,
        "learning_rate": 0.015625,
        "seconds": 12.345,
    }


def make_run(folder: Path, epochs: int = 2) -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text('name = "fast"\nepochs = 5\n')
    for epoch in range(1, epochs + 1):
        append_epoch(folder, row(epoch))
    return folder


def test_epochs_read_back_in_order(tmp_path: Path) -> None:
    read = read_history(make_run(tmp_path / "run", 3) / "history.csv")
    assert len(read) == 3
    assert read.epoch == (1, 2, 3)
    for name, value in row(2).items():
        assert getattr(read, name)[1] == pytest.approx(value, rel=1e-5)


def test_what_was_not_measured_is_nan(tmp_path: Path) -> None:
    append_epoch(tmp_path, {"epoch": 1, "loss": 2.0, "accuracy": 0.5, "learning_rate": 0.1, "seconds": 1.0})
    read = read_history(tmp_path / "history.csv")
    assert read.loss == (2.0,)
    assert math.isnan(read.val_accuracy[0])
    assert math.isnan(read_run(tmp_path).best_val_accuracy)


def test_a_last_line_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", 2) / "history.csv"
    whole = path.read_bytes()
    first = len(b"".join(whole.splitlines(keepends=True)[:2]))
    for end in range(first, len(whole) - 1):  # the line ends in two characters
        path.write_bytes(whole[:end])
        read = read_history(path)
        assert read.epoch == (1,)
        assert read.seconds == (12.345,)


def test_a_history_that_excel_saved_is_read(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", 2) / "history.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_history(path).epoch == (1, 2)


def test_no_history_is_an_empty_one(tmp_path: Path) -> None:
    assert len(read_history(tmp_path / "history.csv")) == 0
    (tmp_path / "history.csv").write_bytes(b"epo")
    assert len(read_history(tmp_path / "history.csv")) == 0


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
    monkeypatch.setattr(history, "RUNS", tmp_path / "shipped")
    for name in ("shipped/b", "shipped/a", "home/runs/new", "home/runs/old", "home/runs/middle"):
        make_run(tmp_path / name)
    (tmp_path / "home/runs/no-run").mkdir()
    for age, name in enumerate(("new", "middle", "old")):
        moment = time.time() - 1000 * age
        os.utime(tmp_path / "home/runs" / name / "recipe.toml", (moment, moment))
    assert [run.name for run in list_runs()] == ["new", "middle", "old", "a", "b"]


def test_runs_removed_over_a_day_ago_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    trash, now = tmp_path / "trash", time.time_ns()
    day = 24 * 3600 * 10**9
    young, link = f"young-{now - day + 60 * 10**9}", f"link-{now - 3 * day}"
    for name in (f"old-{now - day - 10**9}", young, "mine", "mine-2024"):
        make_run(trash / name)
    (trash / f"other-{now - 2 * day}").mkdir()
    (trash / link).symlink_to(make_run(tmp_path / "elsewhere"))
    make_run(tmp_path / "runs" / "new")
    removed = history.remove_run("new")
    left = {removed.name, young, "mine", "mine-2024", f"other-{now - 2 * day}", link}
    assert {path.name for path in trash.iterdir()} == left
    assert (tmp_path / "elsewhere" / "recipe.toml").is_file()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (45, "45 s"),
        (89, "89 s"),
        (90, "2 min"),
        (700, "12 min"),
        (3599, "1 h 00 min"),
        (11_100, "3 h 05 min"),
    ],
)
def test_duration_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_run_that_is_removed_while_the_runs_are_listed_is_not_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    for name in ("going", "reading", "staying"):
        (own_runs() / name).mkdir(parents=True)
        (own_runs() / name / "recipe.toml").write_text('name = "fast"\n')
    really, glob = history.read_run, Path.glob

    def found(self: Path, pattern: str) -> list[Path]:
        paths = list(glob(self, pattern))
        shutil.rmtree(own_runs() / "going", ignore_errors=True)
        return paths

    def read(folder: Path) -> history.Run:
        if folder.name == "reading":
            shutil.rmtree(folder)
        return really(folder)

    monkeypatch.setattr(Path, "glob", found)
    monkeypatch.setattr(history, "read_run", read)
    assert [run.name for run in list_runs() if run.path.parent == own_runs()] == ["staying"]
