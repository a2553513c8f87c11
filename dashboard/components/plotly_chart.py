"""Draw Plotly figures: readable text, no tool bar, and a description for people who cannot see them."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.presenters import charts

INK_COLORS = {"light": "#3b4649", "dark": "#c3cece"}  # Streamlit's own grey on a chart is too faint to read easily


def draw(figure: go.Figure, key: str, alt: str, config: dict[str, Any] = charts.CONFIG) -> None:
    """Draw a chart in the page's theme.

    Args:
        figure: The figure.
        key: The widget's key.
        alt: A description.
        config: Plotly's configuration.
    """
    st.plotly_chart(with_readable_text(figure, st.context.theme.type or "light"), config=config, key=key, alt=alt)


def with_readable_text(figure: go.Figure, theme: str) -> go.Figure:
    """Return the figure with text in a readable colour for a `light` or `dark` page."""
    font = {"color": INK_COLORS.get(theme, INK_COLORS["light"])}
    figure.update_layout(font=font, legend={"font": font})
    figure.update_traces(textfont=font, selector=lambda trace: trace.type in ("bar", "scatter"))
    figure.update_xaxes(tickfont=font, title={"font": font})
    figure.update_yaxes(tickfont=font, title={"font": font})
    return figure
