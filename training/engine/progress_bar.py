"""A progress bar for a run on the terminal; a line for each epoch if the output is not a terminal."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column

from model.i18n.number_format import duration


class ProgressBar(keras.callbacks.Callback):  # type: ignore[misc]
    """Shows epoch, batch, loss, accuracy, images per second and the remaining time of the whole run."""

    def __init__(self, epochs: int, steps: int, batch_size: int) -> None:
        super().__init__()
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self.console = Console()
        # The bar gets the space that the text leaves; if there is none, the figures continue on a second line.
        columns = (
            TextColumn("{task.fields[place]}"),
            BarColumn(None, table_column=Column(ratio=1, width=1)),
            TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=False)),
        )
        self.bar = Bar(*columns, console=self.console, disable=not self.console.is_terminal, expand=True)
        self.task = self.bar.add_task("fit", total=epochs * steps, place=f"{epochs} epochs", figures="starting")
        self.first = self.epoch = 0
        self.started = self.epoch_started = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the bar."""
        self.bar.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start to measure the time."""
        self.epoch, self.epoch_started = epoch, time.perf_counter()
        if not self.started:
            self.first, self.started = epoch, self.epoch_started

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Update the bar."""
        if not self.console.is_terminal:
            return
        done = self.epoch * self.steps + batch + 1
        seconds = (time.perf_counter() - self.started) / (done - self.first * self.steps)
        left = duration(seconds * (self.epochs * self.steps - done))
        figures = f"{_describe(logs)} · {self.batch_size / seconds:.0f} images/s · {left} left"
        place = f"epoch {self.epoch + 1}/{self.epochs}, batch {batch + 1}/{self.steps}"
        self.bar.update(self.task, completed=done, place=place, figures=figures)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Print a line about the epoch."""
        seconds = time.perf_counter() - self.epoch_started
        average = (time.perf_counter() - self.started) / (epoch + 1 - self.first)
        left = duration(average * (self.epochs - epoch - 1))
        self.bar.console.print(
            f"epoch {epoch + 1}/{self.epochs}: {_describe(logs)} · {seconds:.0f} s · {left} left",
            highlight=False,
            soft_wrap=True,
        )

    def close(self) -> None:
        """Remove the bar."""
        self.bar.stop()


def _describe(logs: Any) -> str:
    names = {"loss": "loss", "accuracy": "accuracy", "val_loss": "val. loss", "val_accuracy": "val. accuracy"}
    return ", ".join(f"{title} {float(logs[name]):.3f}" for name, title in names.items() if logs and name in logs)
