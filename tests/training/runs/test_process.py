from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from training.cli.main import app
from training.runs.process import (
    claim_run,
    describe,
    is_alive,
    is_stopping,
    stop_on_signals,
    stop_run,
    training_process,
)
from training.runs.run import read_run
from training.runs.run_files import PROCESS, PROGRESS, RunError, read_json, write_json

# Ends by Ctrl-C or SIGTERM alone, whose arrival it reports.
PATIENT = """
import sys, time
from training.runs.process import stop_on_signals
with stop_on_signals():
    try:
        print("ready", flush=True)
        time.sleep(120)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(120)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text('name = "fast"\n')
    return tmp_path


@pytest.fixture
def started() -> Iterator[Any]:
    """A function that starts Python with a program and waits until it is ready; all have ended at the end."""
    processes: list[subprocess.Popen[str]] = []

    def start(program: str, **options: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, **options)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_claimed_run_is_alive_and_released_in_the_end(folder: Path) -> None:
    assert is_alive(folder) is None
    with claim_run(folder):
        assert read_json(folder / PROCESS)["pid"] == os.getpid()
        assert is_alive(folder)
        assert read_run(folder).status == "running"
    assert not (folder / PROCESS).exists()
    assert read_run(folder).status == "cut off"


def test_a_run_that_ends_with_an_error_is_not_taken_for_a_running_one(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="no number"), claim_run(folder):
        write_json(folder / PROGRESS, {"updated": time.time(), "epoch": 1})
        assert read_run(folder).status == "running"
        raise RuntimeError("the loss is no number")
    assert read_run(folder).status == "cut off"


def test_an_earlier_wish_to_end_is_not_taken_for_a_new_one(folder: Path) -> None:
    write_json(folder / PROCESS, {"stopping": True})
    with claim_run(folder):
        assert not is_stopping(folder)


def test_a_run_has_one_process_at_a_time(folder: Path, started: Any) -> None:
    other = started(PATIENT)
    write_json(folder / PROCESS, describe(other.pid))
    with pytest.raises(RunError, match=f"is being trained already, by process {other.pid}"), claim_run(folder):
        pass
    assert read_json(folder / PROCESS)["pid"] == other.pid


def test_stop_ends_a_process_as_ctrl_c_does(folder: Path, started: Any) -> None:
    process = started(PATIENT)
    write_json(folder / PROCESS, describe(process.pid))
    stop_run(folder)
    assert process.communicate(timeout=60)[0] == "interrupted\n"
    assert process.returncode == 0
    assert is_stopping(folder)
    assert is_alive(folder) is False


def test_the_command_ends_a_run_at_once_only_if_that_is_asked_for(
    folder: Path, started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.cli.runs.own_run_folder", lambda _name: folder)
    process = started(STUBBORN)
    write_json(folder / PROCESS, describe(process.pid))

    def stop(*options: str) -> str:
        result = CliRunner().invoke(app, ["runs", "stop", folder.name, *options])
        assert result.exit_code == 0, result.output
        return result.output

    assert "is stopping; it keeps the best weights" in stop()
    assert "is stopping already, which takes a while; runs stop --now" in stop()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    assert "is ended" in stop("--now")
    assert process.wait(60) == -signal.SIGKILL


def test_a_process_whose_parent_ignores_ctrl_c_hears_it_all_the_same(started: Any) -> None:
    process = started(PATIENT, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "interrupted\n"


def test_asked_again_a_process_ends_at_once(folder: Path, started: Any) -> None:
    process = started(STUBBORN)
    write_json(folder / PROCESS, describe(process.pid))
    stop_run(folder)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    stop_run(folder)
    assert process.wait(60) == -signal.SIGKILL


@pytest.mark.parametrize(
    "change",
    [
        {"started": time.time() - 10_000},
        {"host": "elsewhere"},
        {"started": None},
        {"started": "yesterday"},
        {"pid": True},
        {"pid": 0},
        {"pid": -1},
        {"pid": 2**70},
        {"pid": "1"},
    ],
)
def test_a_process_that_only_bears_the_number_is_left_alone(folder: Path, started: Any, change: dict[str, Any]) -> None:
    process = started(PATIENT)
    write_json(folder / PROCESS, describe(process.pid) | change)
    assert training_process(folder) is None
    with pytest.raises(RunError, match="has no process on this machine to stop"):
        stop_run(folder)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)


def test_a_process_that_has_ended_is_dead_even_before_its_parent_notices(folder: Path, started: Any) -> None:
    process = started(PATIENT)
    write_json(folder / PROCESS, describe(process.pid))
    assert read_run(folder).status == "running"
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_alive(folder) is False
    assert read_run(folder).status == "cut off"


def test_another_machines_process_cannot_be_judged_from_here(folder: Path) -> None:
    write_json(folder / PROCESS, {"pid": 1, "started": 0.0, "host": socket.gethostname() + "-not"})
    assert is_alive(folder) is None
    write_json(folder / "progress.json", {"updated": time.time()})
    assert read_run(folder).status == "running"  # by its own word


def test_signals_are_as_before_in_the_end() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_whose_exception_is_lost_still_ends_the_training() -> None:
    """Python loses what a handler raises while it collects garbage."""
    code = """
import os, signal
from training.engine.callbacks import StopOnSignal
from training.runs.process import stop_on_signals

class Garbage:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass

with stop_on_signals():
    Garbage()
    print("lost")
    try:
        StopOnSignal().on_train_batch_end(0)
    except KeyboardInterrupt:
        print("ended")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["lost", "ended"]
    assert "Exception ignored" in done.stderr


def test_two_processes_that_begin_together_do_not_both_train(folder: Path) -> None:
    """Both look for another while neither has written its name, unless one has to wait for the other."""
    program = f"""
import pathlib, sys, time
from training.runs import process
folder, look = pathlib.Path({str(folder)!r}), process.training_process
def slow(folder):
    found = look(folder)
    time.sleep(0.5)
    return found
process.training_process = slow
print("ready", flush=True); sys.stdin.readline()
try:
    with process.claim_run(folder):
        print("training", flush=True); sys.stdin.readline()
except process.RunError:
    print("refused", flush=True)
"""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([sys.executable, "-c", program], **options) for _ in range(2)]  # type: ignore[call-overload]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.stdout.readline() for one in both]  # who trains goes on with it until its input ends
    for one in both:
        one.communicate(timeout=60)
    assert sorted(said) == ["refused\n", "training\n"]
