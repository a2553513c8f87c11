"""The curves of runs as one figure, its panels one above the other; nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.presenters.charts import RUN_COLORS, literal
from model.i18n.number_format import decimal_point, percentage, thousands_separator
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from training.runs.run import Run

POINTS = 2000  # of a longer run every second, third, … epoch is drawn
PALE = 0.28  # opacity of the measured curve behind its smoothed one
PANELS = {  # the axis of each measure, and where it lies in the figure, from below
    "accuracy": ("y", (0.62, 1.0)),
    "loss": ("y2", (0.2, 0.58)),
    "learning_rate": ("y3", (0.0, 0.16)),
}
TITLES = {"accuracy": marked("accuracy"), "loss": marked("loss"), "learning_rate": marked("learning rate")}
DIGITS = {"accuracy": ".1%", "loss": ".3f", "learning_rate": ".3g"}
LEGENDS = {"training": marked("{run}, training"), "validation": marked("{run}, validation")}
DASHES = {"training": "dot", "validation": "solid"}
LOGARITHMIC = ("loss", "learning_rate")
HEIGHT = 700


def smooth(values: Sequence[float], weight: float) -> list[float]:
    """An exponential mean: each value counts `weight` of what stood before it (0: the values themselves).

    The first values are not drawn towards zero: the weights that a mean has met so far are made to sum to one
    (section 3 of arXiv 1412.6980). What was not measured stays out of it and NaN.
    """
    series = pd.Series(values, dtype=float)
    means: list[float] = series.ewm(alpha=1 - weight, ignore_na=True).mean().where(series.notna()).tolist()
    return means


def curves_chart(runs: Sequence[Run], smoothing: float = 0.0, logarithmic: bool = False) -> go.Figure:
    """Accuracy, loss and learning rate by epoch: one colour a run, training dotted, validation full.

    smoothing: the weight for `smooth`; the measured curve then lies pale behind. logarithmic: the axes of loss and
    learning rate.
    """
    figure = go.Figure()
    for position, run in enumerate(runs):
        color = RUN_COLORS[position % len(RUN_COLORS)]
        for measure in ("accuracy", "loss"):
            for column, kind in ((measure, "training"), (f"val_{measure}", "validation")):
                add_curve(figure, run, measure, column, kind, color, smoothing)
        add_curve(figure, run, "learning_rate", "learning_rate", "validation", color, 0.0)
    show_legend_once(figure)
    lay_out(figure, logarithmic)
    return figure


def add_curve(figure: go.Figure, run: Run, measure: str, column: str, kind: str, color: str, smoothing: float) -> None:
    """One measured column of a run, and its smoothed curve in front; nothing where nothing was measured."""
    values = getattr(run.history, column)
    if not any(value == value for value in values):
        return
    step = -(-len(values) // POINTS)
    name = literal(_(LEGENDS[kind]).format(run=run.name) if measure != "learning_rate" else run.name)
    line = {"color": color, "width": 2, "dash": DASHES[kind]}
    common: dict[str, Any] = {
        "x": run.history.epoch[::step],
        "yaxis": PANELS[measure][0],
        "name": name,
        "legendgroup": literal(f"{run.path}, {kind}"),
        "showlegend": measure != "learning_rate",
        # One point alone draws no line, so a run's first epoch is a dot.
        "mode": "lines+markers" if len(values) < 3 else "lines",
    }
    if smoothing:
        pale = {"y": values[::step], "opacity": PALE, "hoverinfo": "skip", "line": line | {"width": 1}}
        figure.add_scatter(**common | pale | {"showlegend": False})
    shown = smooth(values, smoothing) if smoothing else values
    template = f"%{{y:{DIGITS[measure]}}}<extra>{name}</extra>"
    figure.add_scatter(**common, y=shown[::step], line=line, hovertemplate=template)


def show_legend_once(figure: go.Figure) -> None:
    """A curve that stands in two panels has one entry in the legend, which hides and shows both."""
    known: set[str] = set()
    for trace in figure.data:
        if trace.showlegend:
            trace.showlegend = trace.legendgroup not in known
            known.add(trace.legendgroup)


def lay_out(figure: go.Figure, logarithmic: bool) -> None:
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        separators=decimal_point() + thousands_separator(),
        hovermode="x unified",
        legend={"orientation": "h", "yanchor": "top", "y": -0.09, "x": 0},
        xaxis={"title": {"text": _("epoch")}, "automargin": True, "rangemode": "tozero", "anchor": "y3"},
    )
    for measure, (axis, place) in PANELS.items():
        values: dict[str, Any] = {"domain": place, "title": {"text": _(TITLES[measure])}, "automargin": True}
        if logarithmic and measure in LOGARITHMIC:
            values |= {"type": "log", "dtick": 1 if measure == "learning_rate" else None}
        elif measure == "learning_rate":
            values |= {"rangemode": "tozero"}
        elif measure == "accuracy":
            values |= {"tickformat": ".0%"}
        figure.update_layout({axis.replace("y", "yaxis"): values})


def range_of(runs: Sequence[Run]) -> str:
    """How the runs' curves end, for those who do not see them: a short sentence a run."""
    parts = []
    for run in runs:
        epochs = ngettext("{count} epoch", "{count} epochs", len(run.history)).format(count=len(run.history))
        parts.append(f"{run.name}: {epochs}")
        if np.isfinite(run.best_val_accuracy):
            best = _("best validation accuracy {accuracy}").format(accuracy=percentage(run.best_val_accuracy))
            parts[-1] += f", {best}"
    return "; ".join(parts)
