"""Runs with curves that are made up, so that what they show is known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from training.runs.history import History
from training.runs.run import Run


def wavering(values: np.ndarray, noise: float, seed: int = 0) -> np.ndarray:
    return values + noise * np.random.default_rng(seed).standard_normal(len(values))


def make_run(
    loss: Any,
    val_loss: Any = None,
    accuracy: Any = None,
    val_accuracy: Any = None,
    rate: Any = None,
    status: str = "finished",
    name: str = "mine",
    **recipe: Any,
) -> Run:
    """A run with these curves; those that are not given are plain."""
    n = len(loss)
    blank = np.full(n, np.nan)
    columns = {
        "epoch": np.arange(1.0, n + 1),
        "loss": loss,
        "accuracy": np.full(n, 0.9) if accuracy is None else accuracy,
        "val_loss": blank if val_loss is None else val_loss,
        "val_accuracy": (blank if val_loss is None else np.full(n, 0.9)) if val_accuracy is None else val_accuracy,
        "learning_rate": np.full(n, 0.001) if rate is None else rate,
        "seconds": np.full(n, 10.0),
    }
    history = History(**{key: tuple(float(value) for value in values) for key, values in columns.items()})
    metrics = {"status": status} if status in ("finished", "interrupted") else {}
    progress = {"updated": time.time()} if status == "running" else {}
    return Run(name, Path(name), {"epochs": n} | recipe, history, metrics, progress)


def measured(name: str, share: float, n: int = 10_000, title: str = "cifar10 test, all 10,000", **recipe: Any) -> Run:
    """A finished run with a recipe and what it reached on a test set."""
    figures = {title: {"n": n, "keras": share, "int8": share}}
    return Run(name, Path(name), {"name": name} | recipe, History(), {"status": "finished", "accuracy": figures}, {})
