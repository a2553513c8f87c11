"""A run folder in the home of a test, with figures that nobody measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.recipes.recipe_file import load_recipe, to_toml
from training.runs.history import append_epoch
from training.runs.run_files import write_json

PROGRESS: dict[str, Any] = {"epoch": 2, "epochs": 11, "step": 3, "steps": 47, "eta_seconds": 1200}


def make_run(home: Path, name: str, epochs: int = 1, **files: dict[str, Any]) -> Path:
    folder = home / "runs" / name
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(to_toml(load_recipe("fast")))
    for epoch in range(1, epochs + 1):
        figures = {"loss": 2.0, "accuracy": 0.3, "val_loss": 1.9, "val_accuracy": 0.4, "learning_rate": 0.1}
        append_epoch(folder, figures | {"epoch": epoch, "seconds": 60})
    for file, content in files.items():
        write_json(folder / f"{file}.json", content)
    return folder
