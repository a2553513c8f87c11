"""What a run survives: kill -9, a full disk, data that goes away, numbers that overflow."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import keras
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from model.common.files import is_temporary
from model.registry.resolution import find_bundle
from tests.drawn import draw_folder
from training.cli.main import app
from training.engine.callbacks import RunWriter, finished_epochs
from training.runs.history import History, read_history
from training.runs.run import own_runs_folder, read_run
from training.runs.run_files import CHECKPOINT

SETTINGS = (
    "model.architecture=residual", "model.input_size=16", "model.widths=[4, 8]", "model.depth=1", "batch_size=8",
    "epochs=6", "precision=float32", "optimizer.name=adam", "optimizer.learning_rate=0.01", "averaging=true",
    "schedule.prune=0.3", "augmentation.cutout=3",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "shapes", 40)


def fit(data: Path, name: str, *more: str, settings: tuple[str, ...] = SETTINGS) -> list[str]:
    pairs = [word for setting in settings for word in ("--set", setting)]
    return ["fit", "--recipe", "fast", "--data", str(data), "--name", name, *pairs, *more]


def resume(data: Path, name: str) -> Result:
    return CliRunner().invoke(app, ["fit", "--data", str(data), "--name", name, "--resume"])


def history(name: str) -> History:
    return read_history(own_runs_folder() / name / "history.csv")


def test_a_run_killed_in_the_middle_of_an_epoch_goes_on_as_if_nothing_happened(home: Path, shapes: Path) -> None:
    command = [sys.executable, "-m", "training"]  # all in processes of their own: this one has other kernels
    subprocess.run([*command, *fit(shapes, "whole")], stdout=subprocess.DEVNULL, check=True)
    process = subprocess.Popen([*command, *fit(shapes, "killed")], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (own_runs_folder() / "killed" / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= finished_epochs(own_runs_folder() / "killed") < 6
    again = ["fit", "--data", str(shapes), "--name", "killed", "--resume"]
    subprocess.run([*command, *again], stdout=subprocess.DEVNULL, check=True)
    for column in ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
        np.testing.assert_allclose(getattr(history("killed"), column), getattr(history("whole"), column), atol=5e-4)


def before_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, action: Callable[[RunWriter], None]) -> None:
    """Do something to a run that is on its way, just before an epoch, counted from 0."""
    original = RunWriter.on_epoch_begin

    def extended(self: RunWriter, number: int, logs: object = None) -> None:
        if number == epoch:
            action(self)
        original(self, number, logs)

    monkeypatch.setattr(RunWriter, "on_epoch_begin", extended)


@pytest.mark.parametrize("saved", [0, 3])
def test_a_full_disk_ends_the_run_with_a_sentence_and_what_was_saved_goes_on(
    saved: int, home: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: BinaryIO, **arrays: object) -> None:
        file.write(b"PK")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        before_epoch(patch, saved, lambda writer: patch.setattr("training.engine.callbacks.np.savez", full))
        result = CliRunner().invoke(app, fit(shapes, "full"))
    assert result.exit_code == 1
    assert "error: the disk is full; make room, then continue with --resume" in result.output
    assert "Traceback" not in result.output
    assert read_run(own_runs_folder() / "full").status == "cut off"
    assert (finished_epochs(own_runs_folder() / "full") if saved else 0) == saved
    assert not any(map(is_temporary, (own_runs_folder() / "full").iterdir()))
    assert resume(shapes, "full").exit_code == 0
    assert history("full").epoch == (1, 2, 3, 4, 5, 6)


def test_a_run_cut_off_after_its_last_epoch_goes_on_to_write_the_network_it_trained(
    home: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert CliRunner().invoke(app, fit(shapes, "whole")).exit_code == 0
    with monkeypatch.context() as patch:
        patch.setattr("training.engine.fit.save_bundle", cut_off)
        assert CliRunner().invoke(app, fit(shapes, "late")).exit_code == 1
    assert finished_epochs(own_runs_folder() / "late") == 6
    again = resume(shapes, "late")
    assert again.exit_code == 0, again.output
    assert len(history("late")) == 6
    whole, late = (read_run(own_runs_folder() / name) for name in ("whole", "late"))
    assert late.status == "finished" and late.accuracy == whole.accuracy
    one, other = (keras.saving.load_model(find_bundle(name) / "model.keras") for name in ("whole", "late"))
    for weights, others in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(weights, others, atol=5e-4)


def test_data_may_go_away_while_it_trains(home: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        before_epoch(patch, 1, lambda writer: shutil.rmtree(shapes))
        assert CliRunner().invoke(app, fit(shapes, "bereft")).exit_code == 0
    assert len(history("bereft")) == 6


def test_a_resume_without_the_data_is_a_sentence_and_loses_nothing(
    home: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(writer: RunWriter) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        before_epoch(patch, 2, cut)
        assert CliRunner().invoke(app, fit(shapes, "bereft")).exit_code == 1
    shapes.rename(shapes.with_name("elsewhere"))
    result = resume(shapes, "bereft")
    assert result.exit_code == 1
    assert f"error: {shapes} is not a folder" in result.output
    assert resume(shapes.with_name("elsewhere"), "bereft").exit_code == 0
    assert len(history("bereft")) == 6


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(home: Path, shapes: Path) -> None:
    wild = (*SETTINGS, "optimizer.name=sgd", "optimizer.learning_rate=1e6", "averaging=false", "schedule.prune=0.0")
    result = CliRunner().invoke(app, fit(shapes, "wild", settings=wild))
    assert result.exit_code == 1
    assert "error: the loss became" in result.output
    assert "a lower optimizer.learning_rate may help" in result.output


def test_a_run_that_ended_before_its_first_epoch_begins_with_a_resume(
    home: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(writer: RunWriter) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        before_epoch(patch, 0, press)
        result = CliRunner().invoke(app, fit(shapes, "early"))
    assert result.exit_code == 1
    assert "stopped before the first epoch ended" in result.output
    assert resume(shapes, "early").exit_code == 0
    assert len(history("early")) == 6


def test_a_series_that_was_stopped_goes_on_with_the_same_command(
    home: Path, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press(writer: RunWriter) -> None:
        raise KeyboardInterrupt

    command = fit(shapes, "twice", "--seeds", "2", settings=(*SETTINGS, "epochs=2"))
    with monkeypatch.context() as patch:
        before_epoch(patch, 1, press)
        result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert "error: stopped at twice-seed0; the same command goes on there" in result.output
    assert "mean" not in result.output
    assert [path.name for path in own_runs_folder().iterdir()] == ["twice-seed0"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "n 2" in result.output
    assert [len(history(f"twice-seed{seed}")) for seed in (0, 1)] == [2, 2]
