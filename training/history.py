"""A run on disk: recipe.toml, history.csv and metrics.json, written while it trains and read by whoever looks."""

from __future__ import annotations

import csv
import json
import os
import shutil
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.home import home

RUNS = Path(__file__).parent / "runs"
COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
ALIVE_SECONDS = 90.0  # a run that says nothing for so long has ended without a word


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

    @property
    def status(self) -> str:
        """`finished`, `interrupted` (both by the run's own word), `running`, or `cut off` when it ended without one."""
        if "status" in self.metrics:
            return str(self.metrics["status"])
        return "running" if time.time() - self.progress.get("updated", 0.0) < ALIVE_SECONDS else "cut off"

    @property
    def best_val_accuracy(self) -> float:
        """The highest validation accuracy of any epoch, 0 to 1; NaN when there is none."""
        measured = [value for value in self.history.val_accuracy if value == value]
        return max(measured, default=float("nan"))

    @property
    def minutes(self) -> float:
        return sum(self.history.seconds) / 60


def read_history(path: Path) -> History:
    """Read history.csv; a last line that is still being written is left out."""
    columns: dict[str, list[float]] = {name: [] for name in COLUMNS}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                try:
                    values = [float(row[name] or "nan") for name in COLUMNS]
                except (KeyError, TypeError, ValueError):
                    continue
                for name, value in zip(COLUMNS, values, strict=True):
                    columns[name].append(value)
    except FileNotFoundError:
        pass
    return History(**{name: tuple(values) for name, values in columns.items()})


def read_run(folder: Path) -> Run:
    """The run in `folder`; files that are missing or not yet whole count as empty."""
    try:
        recipe = tomllib.loads((folder / "recipe.toml").read_text("utf-8"))
    except (OSError, ValueError):
        recipe = {}
    history = read_history(folder / "history.csv")
    return Run(folder.name, folder, recipe, history, read_json(folder / "metrics.json"), read_json(folder / "progress.json"))


def own_runs() -> Path:
    """Where the user's runs live."""
    return home() / "runs"


def list_runs() -> list[Run]:
    """The user's runs, newest first, then the shipped ones by name."""
    own = [path for path in own_runs().glob("*/recipe.toml")]
    own.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [read_run(path.parent) for path in [*own, *sorted(RUNS.glob("*/recipe.toml"))]]


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


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    os.replace(temporary, path)


def read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def remove_run(folder: Path) -> None:
    shutil.rmtree(folder)
