"""What the Training page knows of runs: tables, states, whose network can be used; nothing of Streamlit."""

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

STATUSES = {
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
SHARES = ("validation", "test", "first 1,000 of test")
MARK = "≠"
NEVER_MARKED = ("name", "description", "reported")  # of these every run has its own


def status(run: Run) -> str:
    """How the run stands, in the reader's language."""
    return _(STATUSES.get(run.status, run.status))


def label(name: str) -> str:
    """A run's name for a button, which stands in the address like this: as it is, unless Markdown could change it."""
    return name if re.fullmatch(r"[A-Za-z0-9._-]+", name) else phrases.plain(name)


def overview(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a run, in the order given; shares in per cent; a column that would hold nothing is left out."""
    rows = [
        {
            "run": run.name,
            "status": status(run),
            "epochs": len(run.history),
            "minutes": round(run.minutes, 1),
            "validation": 100 * run.best_val_accuracy,
            "test": 100 * run.test_accuracy(),
            "first 1,000 of test": 100 * run.test_accuracy("first 1,000"),
            "its source reports": run.recipe.get("reported") or None,
            "network": run.recipe.get("description", ""),
        }
        for run in runs
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def recipe_table(runs: Sequence[Run], only_differing: bool = False) -> pd.DataFrame:
    """Every value of the recipes, a column a run; where they differ, the first column has a mark.

    only_differing: leave out the values that are the same in all runs.
    """
    columns = {run.name: with_defaults(run.recipe) for run in runs}
    keys = dict.fromkeys(key for values in columns.values() for key in values)
    rows = [[format_value(values.get(key)) for values in columns.values()] for key in keys]
    table = pd.DataFrame(rows, index=pd.Index(keys, name="value"), columns=list(columns), dtype=object)
    differs = [key not in NEVER_MARKED and len(set(row)) > 1 for key, row in zip(keys, rows, strict=True)]
    table.insert(0, MARK, [MARK if found else "" for found in differs])
    return table[differs] if only_differing else table


def unlike_first(table: pd.DataFrame) -> pd.DataFrame:
    """CSS for the cells of a `recipe_table` that say something else than the first run."""
    style = pd.DataFrame("", index=table.index, columns=table.columns)
    for name in table.columns[2:]:
        style.loc[(table[name] != table.iloc[:, 1]) & (table[MARK] == MARK), name] = (
            "background-color: rgba(79, 195, 203, 0.25); font-weight: bold"
        )
    return style


def network_of(run: Run) -> str | None:
    """The name under which the network that this run made can be chosen; None when there is none. Raises BundleError.

    A run that got another name keeps its network; a network that came another way is not taken for it.
    """
    own = run.path.parent == own_runs_folder()
    name = str(run.metrics.get("model", run.name)) if own else run.name
    folder = bundle_folders().get(name)
    expected = home() / "bundles" if own else BUNDLES
    return name if folder is not None and "status" in run.metrics and folder.parent == expected else None


def share_done(run: Run) -> float | None:
    """How much of a running run lies behind it, 0 to 1; None while that is not known."""
    values = [run.progress.get(key) for key in ("epoch", "step", "steps", "epochs", "eta_seconds")]
    if not all(isinstance(value, int | float) and value >= 0 for value in values):
        return None
    epoch, step, steps, epochs, _eta = (float(value) for value in values if value is not None)
    return min(max(((epoch - 1) * steps + step) / (epochs * steps), 0.0), 1.0) if epochs * steps else None


def doing(run: Run) -> str:
    """What a running run does now and how long it will take, after its name."""
    epochs: Any = run.recipe.get("epochs")
    if is_stopping(run.path):
        return _("is being stopped; its best weights are made into a network and measured")
    if isinstance(epochs, int) and len(run.history) >= epochs:
        return _("has had its last epoch; its network is written and measured")
    if share_done(run) is None:
        return _("gets ready for its first epoch")
    left = duration(run.progress["eta_seconds"])
    text = _("epoch {epoch} of {epochs}, about {left} left")
    return text.format(epoch=run.progress["epoch"], epochs=run.progress["epochs"], left=left)
