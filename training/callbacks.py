"""What happens beside the steps of a run: best weights kept, history and checkpoint written and read back."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.history import CHECKPOINT, append_epoch, keep_epochs, write_json
from training.optimizer import Lookahead
from training.recipe import Recipe


class TrainingError(RuntimeError):
    """A run that cannot start or go on; the message says why and what is kept."""


class BestWeights(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Keras's early stopping whose state survives a resume: Keras forgets it when a training begins."""

    def on_train_begin(self, logs: Any = None) -> None:
        kept = {name: getattr(self, name, None) for name in ("best", "best_weights", "best_epoch", "wait")}
        super().on_train_begin(logs)
        if kept["best_weights"] is not None:
            self.__dict__.update(kept)


class RunWriter(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes history.csv and a checkpoint after each epoch, and progress.json every two seconds."""

    def __init__(
        self, folder: Path, recipe: Recipe, steps: int, best: BestWeights, lookahead: Lookahead | None
    ) -> None:
        super().__init__()
        self.folder, self.recipe, self.steps, self.best, self.lookahead = folder, recipe, steps, best, lookahead
        self.started = self.told = self.begun = 0.0
        self.epoch = self.first = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch, self.started = epoch, time.perf_counter()
        if not self.begun:
            self.first, self.begun = epoch, self.started

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        now = time.perf_counter()
        if now - self.told < 2:
            return
        self.told = now
        done, total = self.epoch * self.steps + batch + 1, self.recipe.epochs * self.steps
        seconds_a_step = (now - self.begun) / (done - self.first * self.steps)
        figures = {name: float(value) for name, value in (logs or {}).items() if name in ("loss", "accuracy")}
        content = {
            "updated": time.time(),
            "epoch": self.epoch + 1,
            "epochs": self.recipe.epochs,
            "step": batch + 1,
            "steps": self.steps,
        }
        write_json(self.folder / "progress.json", content | {"eta_seconds": seconds_a_step * (total - done)} | figures)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        figures = {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(figures["loss"]):
            raise TrainingError(
                f"the loss became {figures['loss']} in epoch {epoch + 1}; a lower optimizer.learning_rate may help"
            )
        rate = float(self.model.optimizer.learning_rate)
        append_epoch(
            self.folder,
            figures | {"epoch": epoch + 1, "learning_rate": rate, "seconds": time.perf_counter() - self.started},
        )
        save_checkpoint(self.folder, epoch + 1, self.model, self.best, self.lookahead)


def start_anew(run: Path) -> int:
    for name in ("history.csv", "metrics.json", "progress.json", CHECKPOINT):
        (run / name).unlink(missing_ok=True)
    return 0


def save_checkpoint(
    run: Path, epoch: int, network: keras.Model, best: BestWeights, lookahead: Lookahead | None
) -> None:
    """Write everything that the next epoch depends on; the file is the old one or the new one, never half of it."""
    groups = {
        "network": [variable.numpy() for variable in network.variables],
        "optimizer": [variable.numpy() for variable in network.optimizer.variables],
        "best": best.best_weights or [],
        "average": lookahead.average if lookahead else [],
    }
    arrays = {f"{group}/{index}": value for group, values in groups.items() for index, value in enumerate(values)}
    state = {
        "epoch": epoch,
        "best": None if best.best is None else float(best.best),
        "wait": best.wait,
        "best_epoch": best.best_epoch,
    }
    state["step"] = lookahead.step if lookahead else 0
    temporary = run / f"{CHECKPOINT}.new"
    with temporary.open("wb") as file:
        np.savez(file, state=np.array(json.dumps(state)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, run / CHECKPOINT)


def load_checkpoint(run: Path, network: keras.Model, best: BestWeights, lookahead: Lookahead | None) -> int:
    """Put a checkpoint back; returns the number of finished epochs. Raises TrainingError."""
    path = run / CHECKPOINT
    with np.load(path, allow_pickle=False) as content:
        state = json.loads(str(content["state"]))

        def group(name: str) -> list[np.ndarray]:
            return [
                content[f"{name}/{index}"] for index in range(sum(key.startswith(f"{name}/") for key in content.files))
            ]

        network.optimizer.build(network.trainable_variables)
        pairs = [(network.variables, group("network")), (network.optimizer.variables, group("optimizer"))]
        for variables, values in pairs:
            if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
                raise TrainingError(f"{path} was made with another recipe; leave --resume out to start anew")
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        best.best, best.best_weights = state["best"], group("best") or None
        best.wait, best.best_epoch = state["wait"], state["best_epoch"]
        if lookahead:
            lookahead.step, lookahead.average = state["step"], group("average")
    keep_epochs(run, int(state["epoch"]))
    return int(state["epoch"])
