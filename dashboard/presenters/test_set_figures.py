"""What a survey of a test set says, as a table in HTML and as a Plotly figure; nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from dashboard.presenters.charts import ROW, class_color, literal
from model.evaluation.metrics import ClassMetrics
from model.i18n.number_format import decimal, percentage
from model.i18n.translations import gettext as _


def class_bars(figures: Sequence[ClassMetrics], labels: Sequence[str], places: Sequence[int]) -> str:
    """A table in HTML, a row a class with a bar for its F1, and precision and recall beside it.

    places: the number of the class of each of `figures`, which gives its colour. HTML is there at once, where a chart
    of Plotly takes a third of a second more.
    """
    titles = "".join(f'<th scope="col">{title}</th>' for title in (_("class"), "F1", _("precision"), _("recall")))
    rows = "".join(
        f'<tr><th scope="row">{escape(labels[place])}</th>'
        f'<td><i style="width: {0 if one.f1 != one.f1 else one.f1:.1%}; background: {class_color(place)}"></i>'
        f"{figure(one.f1)}</td><td>{figure(one.precision)}</td><td>{figure(one.recall)}</td></tr>"
        for one, place in zip(figures, places, strict=True)
    )
    return f'<table class="class-bars"><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>'


def figure(share: float) -> str:
    """A share as per cent, or a dash for one that is not defined."""
    return percentage(share) if share == share else "–"


def change_chart(labels: Sequence[str], gains: Sequence[float], places: Sequence[int]) -> go.Figure:
    """A bar a class: by how much more (to the right) or less of its pictures the second network gets right."""
    figure = go.Figure(
        go.Bar(
            x=list(gains),
            y=[literal(label) for label in labels],
            orientation="h",
            marker={"color": [class_color(place) for place in places], "cornerradius": 3},
            text=[signed_points(gain) for gain in gains],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    reach = 1.35 * max((abs(gain) for gain in gains), default=0.0) or 0.01
    layout_rows(figure, len(gains))
    figure.update_layout(
        showlegend=False, xaxis={"range": [-reach, reach], "visible": False, "fixedrange": True, "zeroline": True}
    )
    return figure


def signed_points(gain: float) -> str:
    """A difference of shares in points: `+1.2`, `−0.4`."""
    sign = "+" if gain > 0 else "−" if gain < 0 else ""
    return f"{sign}{decimal(100 * abs(gain))}"


def layout_rows(figure: go.Figure, rows: int) -> None:
    figure.update_layout(
        height=ROW * rows + 70,
        margin={"l": 0, "r": 8, "t": 30, "b": 0},
        bargap=0.28,
        dragmode=False,
        yaxis={"fixedrange": True, "ticks": "", "automargin": True, "autorange": "reversed", "type": "category"},
    )
