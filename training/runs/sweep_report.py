"""What a sweep ends with: a table of its runs, and the recipe of the best."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

from model.common.files import write_atomic
from model.i18n.translations import gettext as _
from training.recipes.recipe_file import to_toml
from training.recipes.search_space import with_values
from training.runs.sweep import Sweep, SweepRun


def write_best(sweep: Sweep, best: SweepRun) -> Path:
    """Write the recipe of the best run as a file of the sweep, and return its path."""
    path = sweep.folder / "best.toml"
    write_atomic(path, to_toml(with_values(sweep.recipe, best.values)))
    return path


def format_sweep(results: Sequence[SweepRun]) -> list[str]:
    """Format a line a run: its epochs, minutes, best validation accuracy and values."""
    keys = list(dict.fromkeys(key for result in results for key in result.values))
    rows = [["run", "epochs", "minutes", "validation", *keys]]
    for result in results:
        measured = [f"{len(result.run.history)}", f"{result.run.minutes:.1f}", f"{result.run.best_val_accuracy:.2%}"]
        rows.append(
            [result.run.name, *(["–", "–", _("failed")] if result.problem else measured)]
            + [_shown(result.values.get(key, "")) for key in keys]
        )
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]


def _shown(text: str) -> str:
    """A value as a table has it: numbers with four digits that count."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False).strip('"')
