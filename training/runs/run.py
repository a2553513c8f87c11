"""Read runs from disk: recipe.toml, history.csv and metrics.json."""

from __future__ import annotations

import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.common.files import modified_at, remove_abandoned
from model.common.paths import home
from model.i18n.translations import gettext as _
from model.registry.resolution import bundle_folders
from training.runs.history import History, read_history
from training.runs.process import is_alive
from training.runs.run_files import CHECKPOINT, PROCESS, PROGRESS, RunError, read_json

SHIPPED_RUNS = Path(__file__).parent  # those that ship
_SILENCE_SECONDS = 90.0  # a run that says nothing for so long has ended without a word


@dataclass(frozen=True)
class Run:
    """A run as it is on disk at this moment."""

    name: str
    path: Path
    recipe: dict[str, Any]
    history: History
    metrics: dict[str, Any]
    progress: dict[str, Any]
    alive: bool | None = None  # whether its process lives, where that is known

    @property
    def status(self) -> str:
        """`finished` or `interrupted` (as recorded), `running`, or `cut off` if it ended without a record."""
        if self.alive:
            return "running"
        if "status" in self.metrics:
            return str(self.metrics["status"])
        if self.alive is False:
            return "cut off"
        updated = self.progress.get("updated")
        silent = time.time() - updated if isinstance(updated, float | int) else _SILENCE_SECONDS
        return "running" if silent < _SILENCE_SECONDS else "cut off"

    @property
    def best_val_accuracy(self) -> float:
        """The highest validation accuracy of any epoch, 0 to 1; NaN without validation."""
        measured = [value for value in self.history.val_accuracy if value == value]
        return max(measured, default=float("nan"))

    @property
    def accuracy(self) -> dict[str, dict[str, float]]:
        """The accuracy of the run's network: test set -> {"n", "keras", "int8"}."""
        figures = self.metrics.get("accuracy")
        return figures if isinstance(figures, dict) else {}

    def test_accuracy(self, title: str = "") -> float:
        """Return the float network's accuracy on the largest test set whose name ends in `title`; NaN if none."""
        found = [figures for name, figures in self.accuracy.items() if name.endswith(title)]
        return max(found, key=lambda figures: figures["n"])["keras"] if found else float("nan")

    @property
    def minutes(self) -> float:
        """The training time in minutes."""
        return sum(self.history.seconds) / 60


def read_run(folder: Path) -> Run:
    """Read the run in a folder; missing and incomplete files count as empty."""
    try:
        recipe = tomllib.loads((folder / "recipe.toml").read_text("utf-8"))
    except (OSError, ValueError):
        recipe = {}
    history = read_history(folder / "history.csv")
    metrics, progress = read_json(folder / "metrics.json"), read_json(folder / PROGRESS)
    return Run(folder.name, folder, recipe, history, metrics, progress, is_alive(folder))


def own_runs_folder() -> Path:
    """Return the folder of the user's runs."""
    return home() / "runs"


def list_runs() -> list[Run]:
    """List the user's runs, newest first, then the shipped ones by name."""
    own = list(own_runs_folder().glob("*/recipe.toml"))
    own.sort(key=modified_at, reverse=True)
    for path in own:
        remove_abandoned(path.parent)
    found = [(path, read_run(path.parent)) for path in [*own, *sorted(SHIPPED_RUNS.glob("*/recipe.toml"))]]
    return [run for path, run in found if path.is_file()]  # one that was removed meanwhile was read as an empty one


def unfinished_runs() -> list[Run]:
    """List the user's runs that may still be running, by name."""
    folders = [path.parent for path in own_runs_folder().glob("*/recipe.toml")]
    found = [path for path in folders if not (path / "metrics.json").exists() or (path / PROCESS).exists()]
    return [read_run(path) for path in sorted(found, key=lambda path: path.name)]


def find_resumable(name: str | None) -> Path:
    """Return the folder of the named run, or of the newest that can go on and is not in training now.

    Raises:
        RunError: There is none, or the named one is finished.
    """
    begun = [path.parent for path in own_runs_folder().glob(f"{name or '*'}/recipe.toml")]
    for folder in sorted(filter(can_go_on, begun), key=_worked_on_at, reverse=True):
        if name or read_run(folder).status != "running":
            return folder
    if name and _is_finished(own_runs_folder() / name):
        raise RunError(_("the run {name!r} is finished; begin another one with another --name").format(name=name))
    if name:
        raise RunError(
            _("{run} has no checkpoint to resume from; leave --resume out to start anew").format(
                run=own_runs_folder() / name
            )
        )
    raise RunError(_("no unfinished run in {folder}; leave --resume out to start one").format(folder=own_runs_folder()))


def can_go_on(folder: Path) -> bool:
    """Return whether a run has a checkpoint, or has ended before its first one."""
    return (folder / CHECKPOINT).is_file() or has_no_checkpoint(folder)


def _worked_on_at(folder: Path) -> float:
    return max(modified_at(folder / CHECKPOINT), modified_at(folder / "recipe.toml"))


def has_no_checkpoint(folder: Path) -> bool:
    """Return whether a run ended before its first checkpoint: resuming it starts from the beginning."""
    return (folder / "recipe.toml").is_file() and not (folder / CHECKPOINT).exists() and not _is_finished(folder)


def _is_finished(folder: Path) -> bool:
    return bool(read_json(folder / "metrics.json").get("status") == "finished")


def own_run_folder(name: str) -> Path:
    """Return the folder of one of the user's runs; raise RunError if it is unknown or shipped."""
    folder = own_runs_folder() / name
    if name in {path.parent.name for path in own_runs_folder().glob("*/recipe.toml")}:
        return folder
    if (SHIPPED_RUNS / name / "recipe.toml").exists():
        raise RunError(_("the run {name!r} came with Vitrine; only your own can be changed").format(name=name))
    own = sorted(path.parent.name for path in own_runs_folder().glob("*/recipe.toml"))
    raise RunError(_("unknown run {name!r}; your runs: {names}").format(name=name, names=", ".join(own) or _("none")))


def check_unused_name(name: str, network: str = "") -> str:
    """Return the name if no run and no network (other than `network`) has it.

    Raises:
        RunError: The name is taken.
        BundleError: The store cannot be read.
    """
    if (own_runs_folder() / name / "recipe.toml").exists():
        raise RunError(
            _("there is a run {name!r} already; take another name, or go on with it with --resume").format(name=name)
        )
    if name == "default" or (name != network and name in bundle_folders()):
        raise RunError(_("there is a network {name!r} already; take another name").format(name=name))
    return name
