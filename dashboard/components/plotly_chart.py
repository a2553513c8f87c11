"""The one way in which a Plotly figure comes onto a page: words that are easy to read, no tool bar, a text for those
who do not see it."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.presenters import charts

INKS = {"light": "#3b4649", "dark": "#c3cece"}  # Streamlit's own grey on a chart is too faint to read easily


def draw(figure: go.Figure, key: str, alt: str, config: dict[str, Any] = charts.CONFIG) -> None:
    """Draw a chart in the page's theme."""
    st.plotly_chart(inked(figure, st.context.theme.type or "light"), config=config, key=key, alt=alt)


def inked(figure: go.Figure, theme: str) -> go.Figure:
    """The figure with its words in a colour that is easy to read on a `light` or `dark` page."""
    font = {"color": INKS.get(theme, INKS["light"])}
    figure.update_layout(font=font, legend={"font": font})
    figure.update_traces(textfont=font, selector=lambda trace: trace.type in ("bar", "scatter"))
    figure.update_xaxes(tickfont=font, title={"font": font})
    figure.update_yaxes(tickfont=font, title={"font": font})
    return figure
