"""Numbers in, Plotly figures out; nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from model.datasets.display_names import class_name
from model.i18n.number_format import decimal_point, percentage, thousands_separator
from model.inference.prediction import Prediction
from model.inference.unknown import UNKNOWN

# P. Tol's "muted" scheme (https://personal.sron.nl/~pault/), told apart by colour-blind people; the darkest and the
# palest are moved so that they stand out on a dark and on a white page alike.
CLASS_COLORS = (
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
ROW = 29  # pixels a bar
MOST_BARS = 30  # of a network with many classes; a table has them all


def class_color(index: int) -> str:
    """The colour of a class, the same on every page; repeats after ten."""
    return CLASS_COLORS[index % len(CLASS_COLORS)]


def probability_chart(prediction: Prediction) -> go.Figure:
    """A horizontal bar a class, most probable on top, axis 0 to 100 %; what is answered strong, the others pale.

    Of many classes, the likeliest MOST_BARS. All are pale for a picture that is probably none of them.
    """
    scores = prediction.top(MOST_BARS)[::-1]  # Plotly draws upwards
    strong = 1 if prediction.best.probability >= SURE else 2
    if not prediction.exclusive:
        strong = len(prediction.answers)
    if prediction.verdict == UNKNOWN:
        strong = 0
    opacity = [1.0 if rank >= len(scores) - strong else 0.4 for rank in range(len(scores))]
    return bars(
        shown([score.label for score in scores], prediction.labels),
        [score.probability for score in scores],
        [class_color(score.index) for score in scores],
        opacity,
    )


def empty_chart(classes: Sequence[str]) -> go.Figure:
    """The same chart before there is an answer: every class, or the first of many, no bar."""
    labels = shown(classes[:MOST_BARS][::-1], classes)
    return bars(labels, [0.0] * len(labels), ["#8A9499"] * len(labels), [1.0] * len(labels), text=False)


def shown(labels: Sequence[str], classes: Collection[str]) -> list[str]:
    """Labels, some or all of a network's classes, in the reader's language, for a figure."""
    return [literal(class_name(label, classes)) for label in labels]


def literal(text: str) -> str:
    """Text from outside so that Plotly shows it as it is: it reads tags, entities and templates in every text."""
    return escape(text, quote=False).replace("{", "&#123;")


def bars(
    labels: list[str], values: list[float], colors: list[str], opacity: list[float], text: bool = True
) -> go.Figure:
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
