"""A run on disk: recipe.toml, history.csv and metrics.json, written while it trains and read by whoever looks."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import time
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.common.errors import VitrineError
from model.common.files import changed, remove_abandoned, write_whole
from model.common.paths import home
from model.i18n.translations import gettext as _
from model.registry.resolution import bundle_folders

RUNS = Path(__file__).parent / "runs"
COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
CHECKPOINT = "checkpoint.npz"
PROCESS = "process.json"  # which process trains it
LOCK = ".lock"  # held while it is decided which process that is
PROGRESS = "progress.json"  # how far it is; there only while it trains
TRASH_SECONDS = 24 * 3600  # how long a removed run can be brought back, as a removed model can
ALIVE_SECONDS = 90.0  # a run that says nothing for so long has ended without a word


class RunError(VitrineError, ValueError):
    """A run that is not there or cannot go on; the message names it."""


@dataclass(frozen=True)
class History:
    """A row an epoch; each column a tuple of floats in the order of the epochs, NaN where nothing was measured."""

    epoch: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    val_loss: tuple[float, ...] = ()
    val_accuracy: tuple[float, ...] = ()
    learning_rate: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.epoch)


@dataclass(frozen=True)
class Run:
    """One run as it stands on disk at this moment."""

    name: str
    path: Path
    recipe: dict[str, Any]
    history: History
    metrics: dict[str, Any]
    progress: dict[str, Any]
    alive: bool | None = None  # whether its process lives, where that is known

    @property
    def status(self) -> str:
        """`finished`, `interrupted` (both by the run's own word), `running`, or `cut off` when it ended without one."""
        if self.alive:
            return "running"
        if "status" in self.metrics:
            return str(self.metrics["status"])
        if self.alive is False:
            return "cut off"
        updated = self.progress.get("updated")
        silent = time.time() - updated if isinstance(updated, float | int) else ALIVE_SECONDS
        return "running" if silent < ALIVE_SECONDS else "cut off"

    @property
    def best_val_accuracy(self) -> float:
        """The highest validation accuracy of any epoch, 0 to 1; NaN when there is none."""
        measured = [value for value in self.history.val_accuracy if value == value]
        return max(measured, default=float("nan"))

    @property
    def accuracy(self) -> dict[str, dict[str, float]]:
        """What the run's network reached, as its card has it: test set -> {"n", "keras", "int8"}."""
        figures = self.metrics.get("accuracy")
        return figures if isinstance(figures, dict) else {}

    def test_accuracy(self, title: str = "") -> float:
        """The float network's share right on the largest test set whose name ends in `title`; NaN without one."""
        found = [figures for name, figures in self.accuracy.items() if name.endswith(title)]
        return max(found, key=lambda figures: figures["n"])["keras"] if found else float("nan")

    @property
    def minutes(self) -> float:
        return sum(self.history.seconds) / 60


def read_history(path: Path) -> History:
    """Read history.csv; a last line that is still being written is left out."""
    columns: dict[str, list[float]] = {name: [] for name in COLUMNS}
    try:
        text = path.read_text("utf-8-sig", errors="replace")  # Excel writes a byte order mark when it saves one
    except OSError:
        return History()
    for row in csv.DictReader(text[: text.rfind("\n") + 1].splitlines()):
        try:
            values = [float(row[name] or "nan") for name in COLUMNS]
        except (KeyError, TypeError, ValueError):
            continue
        for name, value in zip(COLUMNS, values, strict=True):
            columns[name].append(value)
    return History(**{name: tuple(values) for name, values in columns.items()})


def read_run(folder: Path) -> Run:
    """The run in `folder`; files that are missing or not yet whole count as empty."""
    from training.process import is_alive  # which reads runs' files itself

    try:
        recipe = tomllib.loads((folder / "recipe.toml").read_text("utf-8"))
    except (OSError, ValueError):
        recipe = {}
    history = read_history(folder / "history.csv")
    metrics, progress = read_json(folder / "metrics.json"), read_json(folder / PROGRESS)
    return Run(folder.name, folder, recipe, history, metrics, progress, is_alive(folder))


def own_runs() -> Path:
    """Where the user's runs live."""
    return home() / "runs"


def list_runs() -> list[Run]:
    """The user's runs, newest first, then the shipped ones by name."""
    own = list(own_runs().glob("*/recipe.toml"))
    own.sort(key=changed, reverse=True)
    for path in own:
        remove_abandoned(path.parent)
    found = [(path, read_run(path.parent)) for path in [*own, *sorted(RUNS.glob("*/recipe.toml"))]]
    return [run for path, run in found if path.is_file()]  # one that was removed meanwhile was read as an empty one


def unfinished() -> list[Run]:
    """The user's runs that may be going on: without a word of their end, or with a process; by name."""
    folders = [path.parent for path in own_runs().glob("*/recipe.toml")]
    found = [path for path in folders if not (path / "metrics.json").exists() or (path / PROCESS).exists()]
    return [read_run(path) for path in sorted(found, key=lambda path: path.name)]


def resumable(name: str | None) -> Path:
    """The folder of the user's run of that name, or of the newest, that can go on. Raises RunError.

    The newest is one with a checkpoint; a run that is named may also have ended before it could write one.
    """
    folders = sorted(own_runs().glob(f"{name or '*'}/{CHECKPOINT}"), key=changed)
    if folders:
        return folders[-1].parent
    if name and is_unbegun(own_runs() / name):
        return own_runs() / name
    if name:
        raise RunError(
            _("{run} has no checkpoint to resume from; leave --resume out to start anew").format(run=own_runs() / name)
        )
    raise RunError(_("no unfinished run in {folder}; leave --resume out to start one").format(folder=own_runs()))


def is_unbegun(folder: Path) -> bool:
    """Whether a run ended before it could write a checkpoint: going on with it is to begin."""
    finished = read_json(folder / "metrics.json").get("status") == "finished"
    return (folder / "recipe.toml").is_file() and not (folder / CHECKPOINT).exists() and not finished


def own_run(name: str) -> Path:
    """The folder of the user's run of that name. Raises RunError."""
    folder = own_runs() / name
    if name in {path.parent.name for path in own_runs().glob("*/recipe.toml")}:
        return folder
    if (RUNS / name / "recipe.toml").exists():
        raise RunError(_("the run {name!r} came with Vitrine; only your own can be changed").format(name=name))
    own = sorted(path.parent.name for path in own_runs().glob("*/recipe.toml"))
    raise RunError(_("unknown run {name!r}; your runs: {names}").format(name=name, names=", ".join(own) or _("none")))


def remove_run(name: str) -> Path:
    """Take a run of the user off the list; returns where its folder waits in the trash for a day. Raises RunError."""
    folder = own_run(name)
    if read_run(folder).status == "running":
        raise RunError(_("the run {name!r} is still going on; stop it first").format(name=name))
    trash = home() / "trash" / f"{name}-{time.time_ns()}"
    trash.parent.mkdir(parents=True, exist_ok=True)
    os.replace(folder, trash)
    empty_trash(trash.parent)
    return trash


def empty_trash(trash: Path) -> None:
    """Delete the runs that were removed over a day ago; whatever else lies there stays."""
    for folder in trash.iterdir():
        removed = re.fullmatch(r".+-(\d{19})", folder.name)  # as remove_run names it, in nanoseconds
        if removed is None or int(removed[1]) > (time.time() - TRASH_SECONDS) * 1e9:
            continue
        with suppress(OSError):  # what cannot be read or deleted must not undo the removal that has just succeeded
            if (folder / "recipe.toml").is_file() and not folder.is_symlink():
                shutil.rmtree(folder)


def restore_run(trash: Path, name: str) -> None:
    """Undo `remove_run`. Raises RunError when there is a run of that name again."""
    own = (home() / "bundles" / name).exists()  # else a model of that name was stored meanwhile
    unused(name, network=name if own else "")
    own_runs().mkdir(parents=True, exist_ok=True)
    os.replace(trash, own_runs() / name)


def rename_run(name: str, new: str) -> None:
    """Give a run of the user another name. Raises RunError, BundleError."""
    folder = own_run(name)
    run = read_run(folder)
    if run.status == "running":
        raise RunError(_("the run {name!r} is still going on; rename it when it has ended").format(name=name))
    os.replace(folder, own_runs() / unused(new, network=str(run.metrics.get("model", ""))))


def unused(name: str, network: str = "") -> str:
    """The name itself, when no run of the user and no network has it, which the new run's would replace.

    network: the one that the run has already. Raises RunError, and BundleError when the store cannot be read.
    """
    if (own_runs() / name / "recipe.toml").exists():
        raise RunError(
            _("there is a run {name!r} already; take another name, or go on with it with --resume").format(name=name)
        )
    if name != network and name in bundle_folders():
        raise RunError(_("there is a network {name!r} already; take another name").format(name=name))
    return name


def append_epoch(folder: Path, row: dict[str, float]) -> None:
    """Add one epoch to history.csv, flushed to disk before it returns."""
    path = folder / "history.csv"
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        writer.writerow([f"{row[name]:.6g}" if name in row else "" for name in COLUMNS])
        file.flush()
        os.fsync(file.fileno())


def keep_epochs(folder: Path, epochs: int) -> None:
    """Drop what a run that was cut off wrote to history.csv after its last checkpoint: it will be trained again."""
    path = folder / "history.csv"
    head, *rows = path.read_text("utf-8", errors="replace").splitlines(keepends=True) if path.exists() else [""]
    write_whole(path, head + "".join(row for row in rows if is_row_up_to(row, epochs)))


def is_row_up_to(row: str, epochs: int) -> bool:
    """Whether a line of history.csv is whole and of one of the first epochs: one that ended early left some out."""
    first = row.partition(",")[0]
    return row.endswith("\n") and first.isdecimal() and int(first) <= epochs


def write_json(path: Path, content: dict[str, Any], lasting: bool = True) -> None:
    """Write a JSON object as `write_whole` does."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n", lasting)


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def duration(seconds: float) -> str:
    """Seconds in words that fit a bar: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
