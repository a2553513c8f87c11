"""Run folders with rows of made-up figures."""

from __future__ import annotations

from pathlib import Path

from training.runs.history import append_epoch


def row(epoch: int) -> dict[str, float]:
    return {
        "epoch": epoch,
        "loss": 2.5 / epoch,
        "accuracy": 0.25 * epoch,
        "val_loss": 2.75 / epoch,
        "val_accuracy": 0.125 * epoch,
        "learning_rate": 0.015625,
        "seconds": 12.345,
    }


def make_run(folder: Path, epochs: int = 2) -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text('name = "fast"\nepochs = 5\n')
    for epoch in range(1, epochs + 1):
        append_epoch(folder, row(epoch))
    return folder
