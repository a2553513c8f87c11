"""Runs on the Training page: tables, states, and whose network can be used; nothing of Streamlit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from dashboard.presenters import phrases
from model.common.paths import home
from model.i18n.number_format import duration
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.registry.locations import BUNDLES
from model.registry.resolution import bundle_folders
from training.analysis.ablation_report import format_value, with_defaults
from training.runs.process import is_stopping
from training.runs.run import Run, own_runs_folder

_STATUSES = {
    "finished": marked("finished"),
    "interrupted": marked("stopped"),
    "running": marked("running"),
    "cut off": marked("cut off"),
}
TITLES = {
    "run": marked("run"),
    "status": marked("status"),
    "epochs": marked("epochs"),
    "minutes": marked("minutes"),
    "network": marked("network"),
    "validation": marked("validation"),
    "test": marked("test"),
    "first 1,000 of test": marked("first 1,000 of test"),
    "its source reports": marked("its source reports"),
}
HELP = {
    "validation": marked("best accuracy of any epoch on the validation pictures"),
    "test": marked("accuracy on all test pictures, one plain view each"),
    "first 1,000 of test": marked("accuracy on the first 1,000 test pictures of CIFAR-10, which are lossless here"),
    "its source reports": marked("what the author of the network says of it, on pictures of their own"),
}
EPOCH_TITLES = {
    "run": marked("run"),
    "epoch": marked("epoch"),
    "loss": marked("loss"),
    "accuracy": marked("accuracy"),
    "val_loss": marked("validation loss"),
    "val_accuracy": marked("validation accuracy"),
    "learning_rate": marked("learning rate"),
    "seconds": marked("seconds"),
}
SHARES = ("validation", "test", "first 1,000 of test")
MARK = "≠"
_NEVER_MARKED = ("name", "description", "reported")  # of these every run has its own


def status_text(run: Run) -> str:
    """Return a run's status in the reader's language."""
    return _(_STATUSES.get(run.status, run.status))


def button_label(name: str) -> str:
    """Return a run's name for a button, escaped only if Markdown could change it."""
    return name if re.fullmatch(r"[A-Za-z0-9._-]+", name) else phrases.escape_markdown(name)


def overview(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row for each run, accuracies 0 to 1, without empty columns."""
    rows = [
        {
            "run": run.name,
            "status": status_text(run),
            "epochs": len(run.history),
            "minutes": round(run.minutes, 1),
            "validation": run.best_val_accuracy,
            "test": run.test_accuracy(),
            "first 1,000 of test": run.test_accuracy("first 1,000"),
            "its source reports": run.recipe.get("reported") or None,
            "network": run.recipe.get("description", ""),
        }
        for run in runs
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def recipe_table(runs: Sequence[Run], only_differing: bool = False) -> pd.DataFrame:
    """Return all values of the recipes, a column for each run; the first column marks where they differ.

    Args:
        runs: The runs.
        only_differing: Leave out the values that are the same in all runs.
    """
    columns = {run.name: with_defaults(run.recipe) for run in runs}
    keys = dict.fromkeys(key for values in columns.values() for key in values)
    rows = [[format_value(values.get(key)) for values in columns.values()] for key in keys]
    table = pd.DataFrame(rows, index=pd.Index(keys, name="value"), columns=list(columns), dtype=object)
    differs = [key not in _NEVER_MARKED and len(set(row)) > 1 for key, row in zip(keys, rows, strict=True)]
    table.insert(0, MARK, [MARK if found else "" for found in differs])
    return table[differs] if only_differing else table


def highlight_differences(table: pd.DataFrame) -> pd.DataFrame:
    """Return CSS for the cells of a `recipe_table` that differ from the first run."""
    style = pd.DataFrame("", index=table.index, columns=table.columns)
    for name in table.columns[2:]:
        style.loc[(table[name] != table.iloc[:, 1]) & (table[MARK] == MARK), name] = (
            "background-color: rgba(79, 195, 203, 0.25); font-weight: bold"
        )
    return style


def network_of(run: Run) -> str | None:
    """Return the name under which the run's network can be chosen, or None.

    A renamed run keeps its network; a network that was made otherwise is not taken for it.

    Raises:
        BundleError: The store cannot be read.
    """
    own = run.path.parent == own_runs_folder()
    name = str(run.metrics.get("model", run.name)) if own else run.name
    folder = bundle_folders().get(name)
    expected = home() / "bundles" if own else BUNDLES
    return name if folder is not None and "status" in run.metrics and folder.parent == expected else None


def fraction_done(run: Run) -> float | None:
    """Return how much of a running run is done, 0 to 1; None if that is not known yet."""
    values = [run.progress.get(key) for key in ("epoch", "step", "steps", "epochs", "eta_seconds")]
    if not all(isinstance(value, int | float) and value >= 0 for value in values):
        return None
    epoch, step, steps, epochs, _eta = (float(value) for value in values if value is not None)
    return min(max(((epoch - 1) * steps + step) / (epochs * steps), 0.0), 1.0) if epochs * steps else None


def current_activity(run: Run) -> str:
    """Say what a running run does now and how long it will take."""
    epochs: Any = run.recipe.get("epochs")
    if is_stopping(run.path):
        return _("is being stopped; its best weights are made into a network and measured")
    if isinstance(epochs, int) and len(run.history) >= epochs:
        return _("has had its last epoch; its network is written and measured")
    if fraction_done(run) is None:
        return _("gets ready for its first epoch")
    left = duration(run.progress["eta_seconds"])
    text = _("epoch {epoch} of {epochs}, about {left} left")
    return text.format(epoch=run.progress["epoch"], epochs=run.progress["epochs"], left=left)
