"""Runs that leave what a finished run leaves, without a training."""

from __future__ import annotations

from tests.training.runs.drawn_runs import row
from training.recipes.recipe_file import to_toml
from training.runs.history import append_epoch
from training.runs.run import own_runs_folder
from training.runs.run_files import write_json
from training.runs.series import SeriesRun


def pretend(member: SeriesRun, share: float = 0.5, val_accuracy: float | None = None) -> None:
    """Leave a finished run, with an epoch of this validation accuracy if one is given."""
    folder = own_runs_folder() / member.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.toml").write_text(to_toml(member.recipe))
    figures = {"shapes test, all 36": {"n": 36, "keras": share, "int8": share}}
    write_json(folder / "metrics.json", {"status": "finished", "accuracy": figures})
    if val_accuracy is not None:
        append_epoch(folder, row(1) | {"val_accuracy": val_accuracy})
