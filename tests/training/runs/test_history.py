from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.training.runs.drawn_runs import make_run, row
from training.runs.history import append_epoch, read_history
from training.runs.run import read_run


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
