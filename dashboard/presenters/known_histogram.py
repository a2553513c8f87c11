"""How known the pictures of a network's classes seem to it, and pictures of other things, as one figure."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from dashboard.presenters.charts import RUN_COLORS
from model.evaluation.separation import KEPT
from model.i18n.number_format import decimal_point, thousands_separator
from model.i18n.translations import gettext as _

BINS = 25


def known_histogram(known: np.ndarray, others: np.ndarray) -> go.Figure:
    """Two histograms of scores of 0 to 1, float (n,) and (m,), each as shares of its own pictures.

    A dashed line stands at the score that 95 % of the pictures of the classes reach.
    """
    edges = np.linspace(0, 1, BINS + 1)
    figure = go.Figure(
        [
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=np.histogram(scores, edges)[0] / len(scores),
                width=1 / BINS,
                name=name,
                marker={"color": color},
                opacity=0.65,
                hovertemplate="%{x:.0%}: %{y:.1%}<extra></extra>",
            )
            for scores, name, color in (
                (known, _("pictures of the classes"), RUN_COLORS[0]),
                (others, _("other pictures"), RUN_COLORS[1]),
            )
        ]
    )
    figure.add_vline(float(np.quantile(known, 1 - KEPT)), line={"color": "#8a9499", "dash": "dash"})
    figure.update_layout(
        barmode="overlay",
        height=280,
        margin={"l": 0, "r": 8, "t": 4, "b": 4},
        separators=decimal_point() + thousands_separator(),
        dragmode=False,
        legend={"orientation": "h", "y": 1.15},
        xaxis={"range": [0, 1], "tickformat": ".0%", "title": _("how known"), "fixedrange": True},
        yaxis={"tickformat": ".0%", "title": _("share of the pictures"), "fixedrange": True},
    )
    return figure
