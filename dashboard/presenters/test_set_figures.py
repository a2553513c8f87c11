"""Figures of a test set as an HTML table and as a Plotly chart; nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from dashboard.presenters.charts import ROW, class_color, escape_for_plotly
from model.evaluation.metrics import ClassMetrics
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _


def class_bars(figures: Sequence[ClassMetrics], labels: Sequence[str], places: Sequence[int]) -> str:
    """Return an HTML table with a row for each class: a bar for its F1, and precision and recall.

    HTML is on the page a third of a second earlier than a Plotly chart.

    Args:
        figures: The figures of the classes.
        labels: The names of all classes.
        places: The index of each class of `figures`, which decides its colour.
    """
    titles = "".join(f'<th scope="col">{title}</th>' for title in (_("class"), "F1", _("precision"), _("recall")))
    rows = "".join(
        f'<tr><th scope="row">{escape(labels[place])}</th>'
        f'<td><i style="width: calc({0 if one.f1 != one.f1 else one.f1:.4f} * (100% - 60px)); '
        f'background: {class_color(place)}"></i>'
        f"{percentage_or_dash(one.f1)}</td><td>{percentage_or_dash(one.precision)}</td><td>{percentage_or_dash(one.recall)}</td></tr>"
        for one, place in zip(figures, places, strict=True)
    )
    return f'<table class="class-bars"><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>'


def percentage_or_dash(share: float) -> str:
    """Return a share as a percentage, or a dash if it is not defined."""
    return percentage(share) if share == share else "–"


def gain_chart(labels: Sequence[str], gains: Sequence[float], places: Sequence[int]) -> go.Figure:
    """Return a bar for each class: how much more, or less, of its pictures the second network gets right."""
    figure = go.Figure(
        go.Bar(
            x=list(gains),
            y=[escape_for_plotly(label) for label in labels],
            orientation="h",
            marker={"color": [class_color(place) for place in places], "cornerradius": 3},
            text=[signed_points(gain) for gain in gains],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    reach = 1.35 * max((abs(gain) for gain in gains), default=0.0) or 0.01
    _layout_rows(figure, len(gains))
    figure.update_layout(
        showlegend=False, xaxis={"range": [-reach, reach], "visible": False, "fixedrange": True, "zeroline": True}
    )
    return figure


def signed_points(gain: float) -> str:
    """Return a difference in percentage points: `+1.2`, `−0.4`."""
    sign = "+" if gain > 0 else "−" if gain < 0 else ""
    return f"{sign}{decimal(100 * abs(gain))}"


def _layout_rows(figure: go.Figure, rows: int) -> None:
    figure.update_layout(
        height=ROW * rows + 70,
        margin={"l": 0, "r": 8, "t": 30, "b": 0},
        bargap=0.28,
        dragmode=False,
        yaxis={"fixedrange": True, "ticks": "", "automargin": True, "autorange": "reversed", "type": "category"},
    )
