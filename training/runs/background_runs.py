"""Train in background processes: `python -m training fit`, started here and then independent."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from model.common.extras import require
from model.common.files import locked, modified_at
from model.common.sandbox import ROOT
from model.common.text import printable
from model.datasets.known_folders import resolve_path
from model.datasets.loader import check_source
from model.i18n import translations
from model.i18n.translations import gettext as _
from model.registry.card import check_name
from training.recipes.recipe_file import load_recipe, recipe_names
from training.runs.data_provenance import DATA, RunContext, write_context
from training.runs.process import describe, is_alive, is_stopping
from training.runs.run import (
    Run,
    can_go_on,
    check_unused_name,
    own_run_folder,
    own_runs_folder,
    read_run,
    unfinished_runs,
)
from training.runs.run_files import LOCK, PROCESS, RunError, write_json

_OUTPUT = "output.txt"
_ERROR_TAIL = 2**16  # bytes of the output that are searched for an error
_NICENESS = 5  # the page stays quick beside it
_starting = threading.Lock()


@dataclass(frozen=True)
class StartingRun:
    """A run before its first epoch; if it failed, `problem` says why."""

    name: str
    path: Path
    alive: bool
    problem: str


def start_run(recipe: str, settings: Sequence[str] = (), data: str = "", name: str = "") -> str:
    """Train a shipped recipe in the background and return the name of the run.

    Args:
        recipe: The name of the recipe.
        settings: Overrides as `key=value`.
        data: A data folder; "" downloads CIFAR-10.
        name: The name of the run; by default the recipe and the time.

    Raises:
        RecipeError: The recipe or a setting is invalid.
        DataError: The data folder is missing.
        BundleError: The name is invalid, or Keras is not installed.
        RunError: The name is taken, or the process cannot be started.
    """
    require("keras")
    if recipe not in recipe_names():
        load_recipe("")  # never a path: it says which there are
    load_recipe(recipe, tuple(settings))
    title = check_name(name.strip() or f"{recipe}-{datetime.now():%Y%m%d-%H%M%S}")
    source = _check_data_folder(data)
    with _starting:
        folder = own_runs_folder() / check_unused_name(title)
        arguments = ["--recipe", recipe, "--name", title, *(f"--set={setting}" for setting in settings)]
        with _report_start_errors(title):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                with locked(folder / LOCK):
                    if is_alive(folder):
                        raise RunError(_("the run {name!r} is starting already").format(name=title))
                    write_context(folder, RunContext(source))
                    spawn_process(folder, arguments, source)
            except TimeoutError:  # what is there is another's
                raise
            except OSError:
                discard_start(folder)
                raise
    return title


def resume_run(name: str, data: str) -> None:
    """Resume a run in the background from its checkpoint, or from the beginning if it has none.

    Raises:
        NotInstalled: Keras is not installed.
        RunError: The run is finished, still running, or unknown.
        DataError: The data folder is missing.
    """
    require("keras")
    source = _check_data_folder(data)
    with _starting:
        folder = own_run_folder(name)
        with _report_start_errors(name), locked(folder / LOCK):
            if not can_resume(read_run(folder)):
                raise RunError(_("the run {name!r} cannot go on: it is finished, or still going on").format(name=name))
            spawn_process(folder, ["--resume", "--name", name], source)


@contextmanager
def _report_start_errors(name: str) -> Iterator[None]:
    """Turn what the system says into a sentence: a full disk, or no program to start."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(_("the run {name!r} cannot be started: {reason}").format(name=name, reason=reason)) from error


def can_resume(run: Run) -> bool:
    """Return whether one of the user's runs ended before its last epoch and can be resumed."""
    if run.path.parent != own_runs_folder() or run.status in ("running", "finished"):
        return False
    return can_go_on(run.path)


def _check_data_folder(data: str) -> str:
    """The folder's full path; empty stays empty. Raises DataError."""
    if not data.strip():
        return ""
    source = resolve_path(data)
    check_source(source)
    return str(source)


def spawn_process(folder: Path, arguments: Sequence[str], data: str) -> None:
    """Start the command in a session of its own: it outlives the browser's tab and this process."""
    import psutil

    # This very copy is run: -P keeps a training.py of the user's, where the page was started, out of it.
    command = [sys.executable, "-P", "-m", "training", "fit", *arguments, *([f"--data={data}"] if data else [])]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    spoken = {translations.VARIABLE: translations.current_language()}
    with (folder / _OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"} | spoken,
        )
    try:
        with suppress(psutil.Error):  # it has ended by now
            write_json(folder / PROCESS, describe(process.pid))
            psutil.Process(process.pid).nice(_NICENESS)
    except OSError:  # nobody could find it again to stop it
        process.kill()
        process.wait()
        raise
    # Somebody has to ask for its exit status, or it stays in the list of processes after its end.
    threading.Thread(target=process.wait, name=f"wait-{folder.name}", daemon=True).start()


def list_starting_runs() -> list[StartingRun]:
    """List the runs without a first epoch yet, newest first; stopped ones are removed."""
    found = []
    outputs = [path for path in own_runs_folder().glob(f"*/{_OUTPUT}") if not (path.parent / "recipe.toml").exists()]
    for path in sorted(outputs, key=modified_at, reverse=True):
        folder = path.parent
        alive = bool(is_alive(folder))
        if not alive and is_stopping(folder):
            discard_start(folder)
            continue
        found.append(StartingRun(folder.name, folder, alive, "" if alive else failure_reason(folder)))
    return found


def discard_start(folder: Path) -> None:
    """Remove the files of a run that ended before its first epoch; any other files stay."""
    with suppress(OSError):
        for name in (_OUTPUT, PROCESS, DATA, LOCK):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def failure_reason(folder: Path, errors_only: bool = False) -> str:
    """Return why a background run ended early: the last error in its output, or else the last line.

    `errors_only`: only an error counts, for runs that were asked to stop.
    """
    try:
        with (folder / _OUTPUT).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _ERROR_TAIL))
            lines = [line.strip() for line in file.read().decode("utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    said = errors or [line for line in lines if line and not errors_only]
    return printable(said[-1], "")[:500] if said else ""


def active_runs() -> list[str]:
    """List the names of the user's runs that are training now."""
    running = [run.name for run in unfinished_runs() if run.status == "running"]
    return running + [entry.name for entry in list_starting_runs() if entry.alive]
