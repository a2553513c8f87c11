"""The reliability diagram as SVG, which is on the page much earlier than a Plotly chart."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from model.evaluation.metrics import ReliabilityBin
from model.i18n.number_format import integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import ngettext

EDGE = 400  # side of the square with the bars

_CSS = """
svg { display: block; width: 100%; max-width: 470px; font: 13px var(--st-font); }
line { stroke: var(--st-border-color); }
rect { fill: #0e8a92; opacity: 0.85; }
rect:hover { opacity: 1; }
path { stroke: #8a9499; stroke-width: 2; stroke-dasharray: 9 7; }
text { fill: var(--st-text-color); }
"""

_JS = "export default ({ data, parentElement }) => { parentElement.querySelector('.drawing').innerHTML = data }"

_diagram = st.components.v2.component("vitrine_reliability", html='<div class="drawing"></div>', css=_CSS, js=_JS)


def show_reliability(bins: Sequence[ReliabilityBin], key: str) -> None:
    """Draw how often answers of about the same confidence are right."""
    _diagram(data=reliability_diagram(bins), key=key)


def reliability_diagram(bins: Sequence[ReliabilityBin]) -> str:
    """Return the SVG: a bar for each bin; bars that end on the dashed line are perfectly calibrated."""
    grid = "".join(
        f'<line x1="0" x2="{EDGE}" y1="{EDGE - at}" y2="{EDGE - at}"/>'
        f'<text x="-8" y="{EDGE - at + 4}" text-anchor="end">{at * 100 // EDGE}%</text>'
        f'<text x="{at}" y="{EDGE + 18}" text-anchor="middle">{at * 100 // EDGE}%</text>'
        for at in range(0, EDGE + 1, EDGE // 5)
    )
    across, up = escape(_("how sure the network is")), escape(_("share that is right"))
    alt = _("Bars: the share that is right by how sure the network is; on the dashed line both are the same")
    return (
        f'<svg role="img" aria-label="{escape(alt)}" viewBox="-58 -10 {EDGE + 78} {EDGE + 62}">'
        f"{grid}{''.join(map(_bar, bins))}"
        f'<path d="M0 {EDGE}L{EDGE} 0"/>'
        f'<text x="{EDGE // 2}" y="{EDGE + 44}" text-anchor="middle">{across}</text>'
        f'<text transform="translate(-46 {EDGE // 2}) rotate(-90)" text-anchor="middle">{up}</text></svg>'
    )


def _bar(one: ReliabilityBin) -> str:
    """Return a bin's bar with a tooltip."""
    said = ngettext(
        "{count} picture, {sure} sure on average, {right} right",
        "{count} pictures, {sure} sure on average, {right} right",
        one.count,
    ).format(count=integer(one.count), sure=percentage(one.confidence), right=percentage(one.accuracy))
    return (
        f'<rect x="{EDGE * one.low + 1:.1f}" width="{EDGE * (one.high - one.low) - 2:.1f}"'
        f' y="{EDGE * (1 - one.accuracy):.1f}" height="{EDGE * one.accuracy:.1f}"><title>{escape(said)}</title></rect>'
    )
