"""The figures of a run as arrays, and the form of what is said about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.i18n.number_format import decimal
from training.runs.run import Run

_MAX_EPOCHS = 240  # epochs looked at; of a longer run every second, third, …


@dataclass(frozen=True)
class Finding:
    """A sentence in the reader's language, and what kind of thing it says."""

    kind: str
    sentence: str


@dataclass(frozen=True)
class Curves:
    """The measured epochs of a run, float arrays of one length; `validated`: there are validation figures."""

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
        """How many of these epochs count as its end."""
        return max(8, len(self) // 4)


def read_curves(run: Run) -> Curves:
    """The run's history as arrays, thinned where it is very long. A loss that is no number stays so."""
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
    """From the first of some epochs to the last, how many there are, those left out between them too."""
    return to_int(epochs[-1] - epochs[0]) + 1


def format_losses(**values: Any) -> dict[str, str]:
    """Losses as they are written: two digits after the point, three below a tenth."""
    return {name: decimal(float(value), 2 if abs(value) >= 0.1 else 3) for name, value in values.items()}


def to_int(number: float) -> int:
    return int(number)
