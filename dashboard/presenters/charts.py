"""Plotly figures of probabilities; nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from model.datasets.display_names import class_name
from model.i18n.number_format import decimal_point, percentage, thousands_separator
from model.inference.prediction import Prediction
from model.inference.unknown import UNKNOWN

# P. Tol's "muted" scheme (https://personal.sron.nl/~pault/), distinct for colour-blind people; the darkest and the
# palest are changed so that they stand out on dark and on white pages.
_CLASS_COLORS = (
    "#CC6677",
    "#6A5FD0",
    "#C9A227",
    "#2E9E5B",
    "#4AA8D8",
    "#A63D6B",
    "#44AA99",
    "#999933",
    "#B659A2",
    "#8A9499",
)
RUN_COLORS = ("#0E8A92", "#CC6677", "#C9A227", "#6A5FD0", "#2E9E5B", "#B659A2", "#4AA8D8", "#8A9499")
SURE = 0.6  # below it the two best classes are shown as equals
CONFIG: dict[str, Any] = {"displayModeBar": False, "displaylogo": False, "scrollZoom": False}
HOVER_CONFIG: dict[str, Any] = {"displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}
ROW = 29  # pixels for each bar
MAX_BARS, FEW_BARS = 30, 10  # with more classes than the first, there are bars for this many of the likeliest


def bar_count(classes: int) -> int:
    """Return how many of a network's classes get a bar; the table has all."""
    return classes if classes <= MAX_BARS else FEW_BARS


def class_color(index: int) -> str:
    """Return the colour of a class, the same on every page; colours repeat after ten."""
    return _CLASS_COLORS[index % len(_CLASS_COLORS)]


def probability_chart(prediction: Prediction) -> go.Figure:
    """Return a bar for each class, the most probable on top; what is answered in full colour, the others pale.

    With many classes, the likeliest are shown. All bars are pale for a picture that is probably none of the classes.
    """
    scores = prediction.top(bar_count(len(prediction.scores)))[::-1]  # Plotly draws upwards
    strong = 1 if prediction.best.probability >= SURE else 2
    if not prediction.exclusive:
        strong = len(prediction.answers)
    if prediction.verdict == UNKNOWN:
        strong = 0
    opacity = [1.0 if rank >= len(scores) - strong else 0.4 for rank in range(len(scores))]
    return bar_chart(
        axis_labels([score.label for score in scores], prediction.labels),
        [score.probability for score in scores],
        [class_color(score.index) for score in scores],
        opacity,
    )


def empty_chart(classes: Sequence[str]) -> go.Figure:
    """Return the same chart before there is an answer: all classes, or the first of many, without bars."""
    labels = axis_labels(classes[: bar_count(len(classes))][::-1], classes)
    return bar_chart(labels, [0.0] * len(labels), ["#8A9499"] * len(labels), [1.0] * len(labels), text=False)


def axis_labels(labels: Sequence[str], classes: Collection[str]) -> list[str]:
    """Return labels in the reader's language, for a figure.

    Args:
        labels: Some or all of a network's classes.
        classes: All of its classes.
    """
    return [escape_for_plotly(class_name(label, classes)) for label in labels]


def escape_for_plotly(text: str) -> str:
    """Escape untrusted text for Plotly, which reads tags, entities and templates in every text."""
    return escape(text, quote=False).replace("{", "&#123;")


def bar_chart(
    labels: list[str], values: list[float], colors: list[str], opacity: list[float], text: bool = True
) -> go.Figure:
    """Return a horizontal bar chart of probabilities.

    Args:
        labels: The bars' labels, from below.
        values: Their probabilities.
        colors: Their colours.
        opacity: Their opacity.
        text: Whether to write the values beside the bars.
    """
    figure = go.Figure(
        go.Bar(
            x=values,
            y=labels,
            orientation="h",
            marker={"color": colors, "opacity": opacity, "cornerradius": 3},
            text=[percentage(value) for value in values] if text else None,
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2%}<extra></extra>" if text else None,
            hoverinfo=None if text else "skip",
        )
    )
    figure.update_layout(
        height=ROW * len(labels) + 20,
        margin={"l": 0, "r": 48, "t": 4, "b": 4},
        bargap=0.28,
        showlegend=False,
        separators=decimal_point() + thousands_separator(),
        dragmode=False,
        xaxis={"range": [0, 1], "visible": False, "fixedrange": True},
        yaxis={"fixedrange": True, "ticks": "", "automargin": True, "type": "category", "showgrid": False},
    )
    return figure
