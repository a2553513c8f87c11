"""history.csv: one row per epoch, written during training and read by the page."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from model.common.files import write_atomic

_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


@dataclass(frozen=True)
class History:
    """One row per epoch: each column is a tuple of floats, NaN if not measured."""

    epoch: tuple[float, ...] = ()
    loss: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    val_loss: tuple[float, ...] = ()
    val_accuracy: tuple[float, ...] = ()
    learning_rate: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.epoch)


def read_history(path: Path) -> History:
    """Read history.csv without a last line that is still being written."""
    columns: dict[str, list[float]] = {name: [] for name in _COLUMNS}
    try:
        text = path.read_text("utf-8-sig", errors="replace")  # Excel writes a byte order mark when it saves one
    except OSError:
        return History()
    for row in csv.DictReader(text[: text.rfind("\n") + 1].splitlines()):
        try:
            values = [float(row[name] or "nan") for name in _COLUMNS]
        except (KeyError, TypeError, ValueError):
            continue
        for name, value in zip(_COLUMNS, values, strict=True):
            columns[name].append(value)
    return History(**{name: tuple(values) for name, values in columns.items()})


def append_epoch(folder: Path, row: dict[str, float]) -> None:
    """Append an epoch to history.csv and flush it to disk."""
    path = folder / "history.csv"
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(_COLUMNS)
        writer.writerow([f"{row[name]:.6g}" if name in row else "" for name in _COLUMNS])
        file.flush()
        os.fsync(file.fileno())


def truncate_history(folder: Path, epochs: int) -> None:
    """Drop the rows that a killed run wrote after its last checkpoint: these epochs are trained again."""
    path = folder / "history.csv"
    head, *rows = path.read_text("utf-8", errors="replace").splitlines(keepends=True) if path.exists() else [""]
    write_atomic(path, head + "".join(row for row in rows if _is_row_up_to(row, epochs)))


def _is_row_up_to(row: str, epochs: int) -> bool:
    """Whether a line of history.csv is whole and of one of the first epochs: one that ended early left some out."""
    first = row.partition(",")[0]
    return row.endswith("\n") and first.isdecimal() and int(first) <= epochs
