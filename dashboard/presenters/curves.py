"""The curves of runs as one figure with several panels; nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.presenters.charts import RUN_COLORS, escape_for_plotly
from model.i18n.number_format import decimal_point, percentage, thousands_separator
from model.i18n.translations import gettext as _
from model.i18n.translations import marked, ngettext
from training.runs.run import Run

MAX_POINTS = 2000  # of a longer run, only every second, third, … epoch is drawn
_PALE = 0.28  # opacity of the measured curve behind its smoothed one
_PANELS = {  # the axis of each measure, and its vertical range in the figure
    "accuracy": ("y", (0.62, 1.0)),
    "loss": ("y2", (0.2, 0.58)),
    "learning_rate": ("y3", (0.0, 0.16)),
}
TITLES = {"accuracy": marked("accuracy"), "loss": marked("loss"), "learning_rate": marked("learning rate")}
_DIGITS = {"accuracy": ".1%", "loss": ".3f", "learning_rate": ".3g"}
_LEGENDS = {"training": marked("{run}, training"), "validation": marked("{run}, validation")}
_DASHES = {"training": "dot", "validation": "solid"}
_LOGARITHMIC = ("loss", "learning_rate")
_HEIGHT = 700


def smooth(values: Sequence[float], weight: float) -> list[float]:
    """Return an exponential moving average.

    The first values are not pulled towards zero: the weights so far are normalized to sum to one (section 3 of arXiv
    1412.6980). Missing values are left out and stay NaN.

    Args:
        values: The values.
        weight: How much each average keeps of the one before, 0 to 1.
    """
    series = pd.Series(values, dtype=float)
    means: list[float] = series.ewm(alpha=1 - weight, ignore_na=True).mean().where(series.notna()).tolist()
    return means


def curves_chart(runs: Sequence[Run], smoothing: float = 0.0, logarithmic: bool = False) -> go.Figure:
    """Return accuracy, loss and learning rate by epoch: a colour for each run, training dotted, validation solid.

    Args:
        runs: The runs.
        smoothing: The weight for `smooth`; the measured curve is then pale behind the smoothed one.
        logarithmic: Whether loss and learning rate have logarithmic axes.
    """
    figure = go.Figure()
    for position, run in enumerate(runs):
        color = RUN_COLORS[position % len(RUN_COLORS)]
        for measure in ("accuracy", "loss"):
            for column, kind in ((measure, "training"), (f"val_{measure}", "validation")):
                _add_curve(figure, run, measure, column, kind, color, smoothing)
        _add_curve(figure, run, "learning_rate", "learning_rate", "validation", color, 0.0)
    _show_legend_once(figure)
    _lay_out(figure, logarithmic)
    return figure


def _add_curve(figure: go.Figure, run: Run, measure: str, column: str, kind: str, color: str, smoothing: float) -> None:
    """Add a measured column of a run, and its smoothed curve in front, unless nothing was measured."""
    values = getattr(run.history, column)
    if not any(value == value for value in values):
        return
    step = -(-len(values) // MAX_POINTS)
    name = escape_for_plotly(_(_LEGENDS[kind]).format(run=run.name) if measure != "learning_rate" else run.name)
    line = {"color": color, "width": 2, "dash": _DASHES[kind]}
    common: dict[str, Any] = {
        "x": run.history.epoch[::step],
        "yaxis": _PANELS[measure][0],
        "name": name,
        "legendgroup": escape_for_plotly(f"{run.path}, {kind}"),
        "showlegend": measure != "learning_rate",
        # A single point draws no line, so a run's first epoch is a dot.
        "mode": "lines+markers" if len(values) < 3 else "lines",
    }
    if smoothing:
        pale = {"y": values[::step], "opacity": _PALE, "hoverinfo": "skip", "line": line | {"width": 1}}
        figure.add_scatter(**common | pale | {"showlegend": False})
    shown = smooth(values, smoothing) if smoothing else values
    template = f"%{{y:{_DIGITS[measure]}}}<extra>{name}</extra>"
    figure.add_scatter(**common, y=shown[::step], line=line, hovertemplate=template)


def _show_legend_once(figure: go.Figure) -> None:
    """Give curves that are in two panels one entry in the legend, which hides and shows both."""
    known: set[str] = set()
    for trace in figure.data:
        if trace.showlegend:
            trace.showlegend = trace.legendgroup not in known
            known.add(trace.legendgroup)


def _lay_out(figure: go.Figure, logarithmic: bool) -> None:
    figure.update_layout(
        height=_HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        separators=decimal_point() + thousands_separator(),
        hovermode="x unified",
        legend={"orientation": "h", "yanchor": "top", "y": -0.09, "x": 0},
        xaxis={"title": {"text": _("epoch")}, "automargin": True, "rangemode": "tozero", "anchor": "y3"},
    )
    for measure, (axis, place) in _PANELS.items():
        values: dict[str, Any] = {"domain": place, "title": {"text": _(TITLES[measure])}, "automargin": True}
        if logarithmic and measure in _LOGARITHMIC:
            values |= {"type": "log", "dtick": 1 if measure == "learning_rate" else None}
        elif measure == "learning_rate":
            values |= {"rangemode": "tozero"}
        elif measure == "accuracy":
            values |= {"tickformat": ".2~%"}  # of a part that is drawn larger too
        figure.update_layout({axis.replace("y", "yaxis"): values})


def describe_curves(runs: Sequence[Run]) -> str:
    """Describe how the curves end for people who cannot see them, with a short sentence for each run."""
    parts = []
    for run in runs:
        epochs = ngettext("{count} epoch", "{count} epochs", len(run.history)).format(count=len(run.history))
        parts.append(f"{run.name}: {epochs}")
        if np.isfinite(run.best_val_accuracy):
            best = _("best validation accuracy {accuracy}").format(accuracy=percentage(run.best_val_accuracy))
            parts[-1] += f", {best}"
    return "; ".join(parts)
