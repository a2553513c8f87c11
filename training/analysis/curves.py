"""The curves of a run as arrays, and the form of what is said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.i18n.number_format import decimal
from training.runs.run import Run

_MAX_EPOCHS = 240  # epochs looked at; of a longer run every second, third, …


@dataclass(frozen=True)
class Finding:
    """A sentence about a run, in the reader's language, and its kind."""

    kind: str
    sentence: str


@dataclass(frozen=True)
class Curves:
    """The epochs of a run as float arrays of equal length; `validated`: whether there are validation metrics."""

    epoch: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    val_loss: np.ndarray
    val_accuracy: np.ndarray
    rate: np.ndarray
    validated: bool

    def __len__(self) -> int:
        return len(self.epoch)

    @property
    def last(self) -> int:
        """The number of epochs that count as the end of the run."""
        return max(8, len(self) // 4)


def read_curves(run: Run) -> Curves:
    """Return a run's history as arrays, thinned out if it is very long; a loss that is NaN stays NaN."""
    history = run.history
    columns = (history.epoch, history.loss, history.accuracy, history.val_loss, history.val_accuracy)
    table = np.array([*columns, history.learning_rate], float).reshape(6, -1)
    if not np.isfinite(table[0]).all():
        table[0] = np.arange(1, table.shape[1] + 1)
    step = -(-table.shape[1] // _MAX_EPOCHS) or 1
    table = table[:, ::-1][:, ::step][:, ::-1]  # the last epoch stays
    epoch, loss, accuracy, val_loss, val_accuracy, rate = table
    validated = bool(np.isfinite(table[3:5]).any())
    return Curves(epoch, loss, accuracy, val_loss, val_accuracy, rate, validated)


def epoch_span(epochs: np.ndarray) -> int:
    """Return the number of epochs from the first to the last, including those that were thinned out."""
    return to_int(epochs[-1] - epochs[0]) + 1


def format_losses(**values: Any) -> dict[str, str]:
    """Format losses: two decimals, or three below 0.1."""
    return {name: decimal(float(value), 2 if abs(value) >= 0.1 else 3) for name, value in values.items()}


def to_int(number: float) -> int:
    """Convert a whole float to int."""
    return int(number)
