"""Runs in the background; the command itself is replaced, and tried for real in the browser's tests."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.common.errors import BundleError
from model.datasets.splits import DataError
from tests.drawn import draw_folder
from training.recipes.recipe import RecipeError
from training.runs import background_runs
from training.runs.background_runs import (
    active_runs,
    can_resume,
    failure_reason,
    list_starting_runs,
    resume_run,
    start_run,
)
from training.runs.process import is_alive, stop_run
from training.runs.run import own_runs_folder, read_run, unfinished_runs
from training.runs.run_files import CHECKPOINT, RunError, write_json

PYTHON = sys.executable


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that says what `python -m training` does from now on."""

    def does(program: str) -> None:
        script = tmp_path / "python"
        script.write_text(f"#!{PYTHON}\nimport sys, time\n{program}\n")
        script.chmod(0o755)
        monkeypatch.setattr(background_runs.sys, "executable", str(script))

    return does


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_start_runs_the_command_line(tmp_path: Path, command: Callable[[str], None]) -> None:
    command("print(sys.argv[1:])")
    data = draw_folder(tmp_path / "my shapes", 2)
    name = start_run("fast", ["epochs=2", "model.widths=[8, 16, 16]"], str(data), "mine")
    folder = own_runs_folder() / name
    wait(lambda: is_alive(folder) is False)
    assert (folder / "output.txt").read_text() == (
        f"['-P', '-m', 'training', 'fit', '--recipe', 'fast', '--name', 'mine', '--set=epochs=2', "
        f"'--set=model.widths=[8, 16, 16]', '--data={data}']\n"
    )


def test_a_file_of_the_users_own_is_not_taken_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "training.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    folder = own_runs_folder() / "mine"
    folder.mkdir(parents=True)
    background_runs.spawn_process(folder, ["--recipe", "fsat"], "")
    wait(lambda: is_alive(folder) is False)
    assert failure_reason(folder).startswith("unknown recipe 'fsat'")


def test_without_a_name_it_is_the_recipe_and_the_time(command: Callable[[str], None]) -> None:
    command("")
    assert start_run("fast").startswith("fast-20")


@pytest.mark.parametrize(
    ("recipe", "settings", "data", "name", "words"),
    [
        ("fsat", [], "", "", "unknown recipe"),
        ("/etc/passwd.toml", [], "", "", "unknown recipe"),
        ("fast", ["epochs"], "", "", "'epochs' is not of the form key=value"),
        ("fast", ["epochs=0"], "", "", "epochs is 0; it can be 1 to 100000"),
        ("fast", ["--resume"], "", "", "'--resume' is not of the form key=value"),
        ("fast", [], "nowhere", "", "nowhere is not a folder"),
        ("fast", [], "~no-one/data", "", "~no-one/data is not a folder"),
        ("fast", [], "", "../x", "'../x' cannot be a name"),
        ("fast", [], "", "fast", "there is a network 'fast' already; take another name"),
    ],
)
def test_what_cannot_be_trained_is_not_started(
    recipe: str, settings: list[str], data: str, name: str, words: str, home: Path, command: Callable[[str], None]
) -> None:
    command("")
    with pytest.raises((RecipeError, DataError, BundleError, RunError)) as raised:
        start_run(recipe, settings, data, name)
    assert words in str(raised.value)
    assert not home.exists()


def test_a_name_is_taken_once(command: Callable[[str], None]) -> None:
    command("time.sleep(60)")
    start_run("fast", name="mine")
    assert active_runs() == ["mine"]
    with pytest.raises(RunError, match="the run 'mine' is starting already"):
        start_run("fast", name="mine")
    (entry,) = list_starting_runs()
    assert (entry.name, entry.alive, entry.problem) == ("mine", True, "")
    stop_run(own_runs_folder() / "mine")
    wait(lambda: not list_starting_runs())  # a start that was stopped leaves nothing
    assert not (own_runs_folder() / "mine").exists()


def test_a_start_that_fails_says_why_and_its_name_is_free(command: Callable[[str], None]) -> None:
    command("print('run 1'); print('error: there is \\x1b no picture', file=sys.stderr); print('bye'); sys.exit(1)")
    start_run("fast", name="mine")
    wait(lambda: not list_starting_runs()[0].alive)
    assert list_starting_runs()[0].problem == "there is  no picture"
    assert active_runs() == []
    command("time.sleep(60)")
    start_run("fast", name="mine")
    assert list_starting_runs()[0].alive
    stop_run(own_runs_folder() / "mine")


def test_last_words_are_the_last_error_or_else_the_last_line(tmp_path: Path) -> None:
    assert failure_reason(tmp_path) == ""
    for text, words in [
        (b"", ""),
        (b"\n\n", ""),
        (b"epoch 1\nTraceback\nValueError: no\n", "ValueError: no"),
        (b"error: first\nerror: second\nrest\n", "second"),
        (b"x" * 200_000, "x" * 500),
        (b"\xff\xfe\x00", "��"),
    ]:
        (tmp_path / "output.txt").write_bytes(text)
        assert failure_reason(tmp_path) == words


def run_folder(name: str, *files: str) -> Path:
    folder = own_runs_folder() / name
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text('name = "fast"\nepochs = 5\n')
    for file in files:
        (folder / file).write_text("epoch,loss,accuracy,val_loss,val_accuracy,learning_rate,seconds\n1,1,1,1,1,1,1\n")
    return folder


def test_what_can_go_on_is_an_own_run_that_has_not_finished() -> None:
    assert can_resume(read_run(run_folder("unbegun")))
    assert can_resume(read_run(run_folder("saved", "history.csv", CHECKPOINT)))
    assert can_resume(read_run(run_folder("unsaved", "history.csv")))  # its first checkpoint did not fit on the disk
    finished = run_folder("finished", "history.csv", CHECKPOINT)
    write_json(finished / "metrics.json", {"status": "finished"})
    assert not can_resume(read_run(finished))
    write_json(finished / "metrics.json", {"status": "interrupted"})
    assert can_resume(read_run(finished))
    write_json(run_folder("running") / "progress.json", {"updated": time.time()})
    assert not can_resume(read_run(own_runs_folder() / "running"))
    assert {run.name for run in unfinished_runs()} == {"unbegun", "saved", "unsaved", "running"}


def test_going_on_is_one_process_with_the_same_data(tmp_path: Path, command: Callable[[str], None]) -> None:
    command("print(sys.argv[1:], flush=True); time.sleep(60)")
    data, folder = draw_folder(tmp_path / "shapes", 2), run_folder("mine")
    resume_run("mine", str(data))
    assert read_run(folder).status == "running"
    with pytest.raises(RunError, match="'mine' cannot go on: it is finished, or still going on"):
        resume_run("mine", str(data))
    wait(lambda: (folder / "output.txt").read_text())
    words = f"['-P', '-m', 'training', 'fit', '--resume', '--name', 'mine', '--data={data}']\n"
    assert (folder / "output.txt").read_text() == words
    stop_run(folder)
    wait(lambda: read_run(folder).status == "cut off")


@pytest.mark.parametrize("name", ["fast", "nobody", "../x"])
def test_only_an_own_run_goes_on(name: str) -> None:
    with pytest.raises(RunError):
        resume_run(name, "")


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_without_a_program_to_start_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.runs.background_runs.sys.executable", "/nowhere/python")
    with pytest.raises(RunError, match="the run 'mine' cannot be started: No such file or directory"):
        start_run("fast", name="mine")
    assert list_starting_runs() == [] and not (own_runs_folder() / "mine").exists()


def test_a_full_disk_starts_nothing_and_says_so(
    command: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    command("time.sleep(60)")
    begun: list[subprocess.Popen[bytes]] = []
    really = subprocess.Popen

    def popen(*given: Any, **options: Any) -> Any:
        begun.append(really(*given, **options))
        return begun[-1]

    monkeypatch.setattr("training.runs.background_runs.subprocess.Popen", popen)
    with monkeypatch.context() as patch:
        patch.setattr("training.runs.background_runs.write_json", full)
        with pytest.raises(RunError, match="the run 'mine' cannot be started: No space left on device"):
            start_run("fast", name="mine")
    assert begun[0].poll() is not None  # nobody could have stopped it
    assert list_starting_runs() == [] and not (own_runs_folder() / "mine").exists()


def test_two_that_start_a_run_together_start_it_once(command: Callable[[str], None]) -> None:
    command("time.sleep(60)")
    program = """
import sys
from training.runs.background_runs import start_run
from training.runs.run_files import RunError
sys.executable = sys.argv[1]
try:
    start_run("fast", name="mine")
    print("started")
except RunError as error:
    print(error)
"""
    line = [PYTHON, "-c", program, sys.executable]
    others = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(other.communicate(timeout=120)[0].strip() for other in others)
    assert said == ["started", "the run 'mine' is starting already"]
    stop_run(own_runs_folder() / "mine")
