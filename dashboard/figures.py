"""What a survey of a test set says, as Plotly figures; nothing of Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from dashboard.charts import ROW, class_color
from model.language import decimal, per_cent, whole
from model.language import gettext as _
from model.metrics import ClassFigures, ReliabilityBin

RIGHT, WRONG, QUIET, ACCENT = "46, 158, 91", "204, 102, 119", "#8A9499", "#0E8A92"
INKS = {"light": "#3b4649", "dark": "#c3cece"}  # Streamlit's own grey on a chart is too faint to read easily
STRONG = 0.55  # the most a cell is filled with: the theme's text stays readable on it
MOST_NUMBERS = 15  # classes whose cells have room for a number


def confusion_chart(
    confusion: np.ndarray, labels: Sequence[str], places: Sequence[int], shares: bool, chosen: tuple[int, int] | None
) -> go.Figure:
    """A cell for each true class (row) and answer (column), the strength of its colour its share of the row.

    confusion: int (classes, classes), [true][answer]; places: the classes shown, in order; chosen: the cell that is
    framed. Invisible squares over the cells, with (true, answer) as their custom data, take the clicks: Plotly sends
    none of a heat map.
    """
    part = confusion[np.ix_(places, places)]
    totals = np.maximum(confusion.sum(axis=1)[list(places)], 1)
    share = part / totals[:, None]
    names = [labels[place] for place in places]
    diagonal = np.eye(len(places), dtype=bool)
    figure = go.Figure(cells(share, diagonal, RIGHT, names))
    figure.add_trace(cells(share, ~diagonal, WRONG, names))
    pairs = [(row, column) for row in range(len(places)) for column in range(len(places))]
    if len(places) <= MOST_NUMBERS:
        # One trace: Plotly takes a moment for each annotation, and longer for each that is there already.
        figure.add_scatter(
            x=[names[column] for _row, column in pairs],
            y=[names[row] for row, _column in pairs],
            mode="text",
            text=[number(part[pair], share[pair], shares) for pair in pairs],
            textfont={"size": 11},
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=[names[column] for _row, column in pairs],
        y=[names[row] for row, _column in pairs],
        mode="markers",
        marker={"symbol": "square", "size": max(6, 300 // len(places)), "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[(places[row], places[column]) for row, column in pairs],
        hovertext=[
            _("{count} of {total} pictures of {true} are answered {answer}: {share}").format(
                count=part[row, column],
                total=totals[row],
                true=names[row],
                answer=names[column],
                share=per_cent(share[row, column]),
            )
            for row, column in pairs
        ],
        hoverinfo="text",
    )
    if chosen is not None and chosen[0] in places and chosen[1] in places:
        row, column = list(places).index(chosen[0]), list(places).index(chosen[1])
        figure.add_shape(
            type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5, line={"width": 3, "color": QUIET}
        )
    axis = {"fixedrange": True, "showgrid": False, "ticks": "", "automargin": True, "type": "category"}
    figure.update_layout(
        height=90 + max(330, min(len(places), 30) * 34),
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        showlegend=False,
        dragmode=False,
        xaxis=axis | {"title": {"text": _("answer")}, "side": "top", "tickangle": -45},
        yaxis=axis | {"title": {"text": _("true class")}, "autorange": "reversed"},
    )
    return figure


def number(count: int, share: float, shares: bool) -> str:
    """What stands in a cell; nothing in an empty one."""
    if not count:
        return ""
    return decimal(100 * share) if shares else str(count)


def cells(share: np.ndarray, wanted: np.ndarray, color: str, names: Sequence[str]) -> go.Heatmap:
    """The wanted cells in one colour, the stronger the larger their share; small shares are to be seen as well."""
    most = share[wanted].max(initial=0.0) or 1.0
    return go.Heatmap(
        z=np.where(wanted, np.sqrt(share / most), np.nan),
        x=list(names),
        y=list(names),
        zmin=0,
        zmax=1,
        colorscale=[[0, f"rgba({color}, 0)"], [1, f"rgba({color}, {STRONG})"]],
        showscale=False,
        hoverinfo="skip",
        xgap=1,
        ygap=1,
    )


def reliability_chart(bins: Sequence[ReliabilityBin]) -> go.Figure:
    """How often answers of about one confidence are right: bars on the dashed line would be perfectly calibrated."""
    figure = go.Figure(
        go.Bar(
            x=[(one.low + one.high) / 2 for one in bins],
            y=[one.accuracy for one in bins],
            width=[0.92 * (one.high - one.low) for one in bins],
            marker={"color": ACCENT, "opacity": 0.85},
            hovertext=[
                _("{count} pictures, {sure} sure on average, {right} right").format(
                    count=whole(one.count), sure=per_cent(one.confidence), right=per_cent(one.accuracy)
                )
                for one in bins
            ],
            hoverinfo="text",
        )
    )
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dash", "width": 2, "color": QUIET}, hoverinfo="skip"
    )
    axis = {"range": [0, 1], "tickformat": ".0%", "fixedrange": True, "automargin": True}
    figure.update_layout(
        height=420,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        showlegend=False,
        dragmode=False,
        xaxis=axis | {"title": {"text": _("how sure the network is")}},
        yaxis=axis | {"title": {"text": _("share that is right")}},
    )
    return figure


def class_bars(figures: Sequence[ClassFigures], labels: Sequence[str], places: Sequence[int]) -> str:
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
    return per_cent(share) if share == share else "–"


def change_chart(labels: Sequence[str], gains: Sequence[float], places: Sequence[int]) -> go.Figure:
    """A bar a class: by how much more (to the right) or less of its pictures the second network gets right."""
    figure = go.Figure(
        go.Bar(
            x=list(gains),
            y=list(labels),
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


def inked(figure: go.Figure, theme: str) -> go.Figure:
    """The figure with its words in a colour that is easy to read on a `light` or `dark` page."""
    color = INKS.get(theme, INKS["light"])
    font = {"color": color}
    figure.update_layout(font=font, legend={"font": font})
    figure.update_traces(textfont=font, selector=lambda trace: trace.type in ("bar", "scatter"))
    figure.update_xaxes(tickfont=font, title={"font": font})
    figure.update_yaxes(tickfont=font, title={"font": font})
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
