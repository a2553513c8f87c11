"""Callbacks of a run: the best weights, the history, and the checkpoint, which is also read here."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np

from model.common.errors import VitrineError
from model.common.files import atomic_file
from model.i18n.translations import gettext as _
from training.recipes.recipe import Recipe
from training.runs.history import append_epoch, truncate_history
from training.runs.process import STOP_REQUESTED
from training.runs.run_files import CHECKPOINT, PROGRESS, write_json


class TrainingError(VitrineError, RuntimeError):
    """A run cannot start or continue; the message says why and what is kept."""


class StopOnSignal(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops the training after the current step if a signal has asked for it."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Raise KeyboardInterrupt if a signal has come."""
        if STOP_REQUESTED.is_set():
            raise KeyboardInterrupt


class BestWeights(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Keras's early stopping with a state that survives a resume; Keras resets it when a training begins."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Keep the state."""
        kept = {name: getattr(self, name, None) for name in ("best", "best_weights", "best_epoch", "wait")}
        super().on_train_begin(logs)
        if kept["best_weights"] is not None:
            for name, value in kept.items():
                setattr(self, name, value)

    def on_train_end(self, logs: Any = None) -> None:
        """Do nothing yet: the training may continue with images of another size."""

    def get_monitor_value(self, logs: Any) -> Any:
        """Return the monitored value; of two equally accurate epochs, the one with the lower loss is better."""
        loss = (logs or {}).get(self.monitor.replace("accuracy", "loss"), 0.0)
        value = super().get_monitor_value(logs)
        return None if value is None else float(value) - 1e-5 * min(float(loss), 5.0)

    @property
    def is_over(self) -> bool:
        """Whether patience has run out: a run that was interrupted right then has nothing more to train here."""
        return bool(self.wait >= self.patience)

    def forget(self) -> None:
        """Make the next epoch the best so far, whatever it reaches."""
        self.best, self.wait = None, 0

    def restore(self, network: keras.Model) -> None:
        """Put the best weights into the network; before the first epoch there are none."""
        if self.best_weights is not None:
            network.set_weights(self.best_weights)

    def state(self) -> list[np.ndarray]:
        """Return what a checkpoint stores."""
        if self.best_weights is None:
            return []
        best = np.nan if self.best is None else float(self.best)
        return [np.array([best, self.wait, self.best_epoch]), *self.best_weights]

    def load_state(self, state: list[np.ndarray]) -> None:
        """Restore it."""
        if state:
            best, self.wait, self.best_epoch = float(state[0][0]), int(state[0][1]), int(state[0][2])
            self.best = None if np.isnan(best) else best  # type: ignore[assignment]
            self.best_weights = state[1:]


class RunWriter(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes history.csv and a checkpoint after each epoch, and progress.json every two seconds."""

    def __init__(self, folder: Path, recipe: Recipe, steps: int, parts: dict[str, Stateful]) -> None:
        super().__init__()
        self.folder, self.recipe, self.steps, self.parts = folder, recipe, steps, parts
        self.started = self.reported = self.begun = 0.0
        self.epoch = self.first = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start to measure the time."""
        self.epoch, self.started = epoch, time.perf_counter()
        if not self.begun:
            self.first, self.begun = epoch, self.started

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Write progress.json if two seconds have passed."""
        now = time.perf_counter()
        if now - self.reported < 2:
            return
        self.reported = now
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
        content["eta_seconds"] = seconds_a_step * (total - done)
        with suppress(OSError):  # only the page shows it: a disk that is full for a minute must not end the training
            write_json(self.folder / PROGRESS, content | figures, durable=False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write history.csv and the checkpoint."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.check_finite(figures, epoch)
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        append_epoch(
            self.folder,
            figures | {"epoch": epoch + 1, "learning_rate": rate, "seconds": time.perf_counter() - self.started},
        )
        save_checkpoint(self.folder, epoch + 1, self.model, self.parts)

    def check_finite(self, figures: dict[str, float], epoch: int) -> None:
        """Check that losses and weights are finite, before they replace the last good checkpoint.

        The mean loss of the epoch does not include the effect of its last step, which shows in the weights.

        Raises:
            TrainingError: They are not finite, and cannot become so again.
        """
        losses = [figures[name] for name in ("loss", "val_loss") if name in figures]
        if not all(np.isfinite(value).all() for value in self.model.get_weights()):
            losses.append(math.nan)
        broken = [loss for loss in losses if not math.isfinite(loss)]
        if broken:
            raise TrainingError(
                _("the loss became {loss} in epoch {epoch}; a lower optimizer.learning_rate may help").format(
                    loss=broken[0], epoch=epoch + 1
                )
            )


def start_over(run: Path) -> int:
    """Delete what an earlier start of the run left, and return 0, the number of finished epochs."""
    for name in ("history.csv", "metrics.json", PROGRESS, CHECKPOINT):
        (run / name).unlink(missing_ok=True)
    return 0


class Stateful(Protocol):
    """What a checkpoint stores besides the network and the optimizer."""

    def state(self) -> list[np.ndarray]:
        """Return what a checkpoint stores."""

    def load_state(self, state: list[np.ndarray]) -> None:
        """Restore it."""


def save_checkpoint(run: Path, epoch: int, network: keras.Model, parts: dict[str, Stateful]) -> None:
    """Write everything that the next epoch depends on, atomically."""
    groups = {name: part.state() for name, part in parts.items()}
    groups["network"] = [np.asarray(variable) for variable in network.variables]
    groups["optimizer"] = [np.asarray(variable) for variable in network.optimizer.variables]
    arrays = {f"{group}/{index}": value for group, values in groups.items() for index, value in enumerate(values)}
    with atomic_file(run / CHECKPOINT) as file:
        np.savez(file, epoch=np.array(epoch), **arrays)  # type: ignore[arg-type]


def finished_epochs(run: Path) -> int:
    """Return the number of epochs that a run's checkpoint has finished."""
    with np.load(run / CHECKPOINT, allow_pickle=False) as content:
        return int(content["epoch"])


def load_checkpoint(run: Path, network: keras.Model, parts: dict[str, Stateful], begin: int = 0) -> None:
    """Restore a checkpoint. A constant learning rate is the recipe's, which may be another one now.

    Args:
        run: The run's folder.
        network: The compiled network.
        parts: What else is restored, by name.
        begin: The epoch at which a new optimizer begins, which is not restored then.

    Raises:
        TrainingError: The checkpoint belongs to another recipe.
    """
    path = run / CHECKPOINT
    other = TrainingError(_("{path} was made with another recipe; leave out --resume to start over").format(path=path))
    with np.load(path, allow_pickle=False) as content:

        def group(name: str) -> list[np.ndarray]:
            count = sum(key.startswith(f"{name}/") for key in content.files)
            return [content[f"{name}/{index}"] for index in range(count)]

        epoch = int(content["epoch"])
        pairs = [(network.variables, group("network"))]
        if epoch > begin or not begin:
            network.optimizer.build(network.trainable_variables)
            pairs.append((network.optimizer.variables, group("optimizer")))
        for variables, values in pairs:
            if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
                raise other
            for variable, value in zip(variables, values, strict=True):
                if variable.name != "learning_rate":
                    variable.assign(value)
        for name, part in parts.items():
            state = group(name)
            if part.state() and not state:
                raise other
            part.load_state(state)
    truncate_history(run, epoch)
