"""Small pictures beside what was found out: what a new version does better and worse, and what a sentence is about."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from dashboard.presenters import phrases, teach_text
from model.i18n.translations import gettext as _
from training.teach.advice import describe_comparison
from training.teach.versions import Change, VersionComparison

_STRIP = 6  # pictures in a row
_CSS = """<style>
ul.teach-changes { list-style: none; margin: 0 0 0.6rem !important; padding: 0 !important; display: grid; gap: 0.4rem; }
ul.teach-changes li { display: flex; gap: 0.6rem; align-items: center; margin: 0 !important; font-size: 0.875rem; }
.teach-strip { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; font-size: 0.875rem; }
.teach-strip img { width: 40px; height: 40px; border-radius: 6px; object-fit: cover; }
.teach-changes img { flex: none; width: 48px; height: 48px; border-radius: 6px; object-fit: cover; }
.teach-changes span { min-width: 0; overflow-wrap: anywhere; }
</style>"""


def show_comparison(found: VersionComparison, base: str) -> None:
    """Say how a version compares with an earlier one; the pictures that changed are a click away.

    Args:
        found: The comparison.
        base: The address of the project's routes, with the thumbnails.
    """
    st.markdown(f":material/compare_arrows: {phrases.escape_markdown(describe_comparison(found))}")
    if not found.better_count and not found.worse_count:
        return
    with st.expander(_("Picture by picture")):
        _show_changes(_("Better"), found.better, found.better_count, base)
        _show_changes(_("Worse"), found.worse, found.worse_count, base)
        st.caption(_("Each picture was answered by a network that had not seen it."))


def show_strip(sha256s: Sequence[str], base: str) -> None:
    """Draw the first of some pictures of a project, small, and the number of the others.

    Args:
        sha256s: Of their files; nothing is drawn for none.
        base: The address of the project's routes, with the thumbnails.
    """
    if not sha256s:
        return
    alt = escape(_("The picture, small"))
    shown = "".join(
        f'<img src="{escape(base)}thumbnails/{sha256}" alt="{alt}" loading="lazy">' for sha256 in sha256s[:_STRIP]
    )
    rest = f"<span>+{len(sha256s) - _STRIP}</span>" if len(sha256s) > _STRIP else ""
    st.html(f'{_CSS}<div class="teach-strip">{shown}{rest}</div>')


def _show_changes(title: str, changes: Sequence[Change], count: int, base: str) -> None:
    """Draw pictures with their class, the answer before and the answer now."""
    if not changes:
        return
    st.markdown(f"**{title}** ({teach_text.counted(count)})")
    rows = "".join(
        f'<li><img src="{escape(base)}thumbnails/{change.sha256}" alt="" loading="lazy">'
        f"<span><b>{escape(change.truth)}</b><br>{escape(teach_text.change_line(change))}</span></li>"
        for change in changes
    )
    st.html(f'{_CSS}<ul class="teach-changes">{rows}</ul>')
    if count > len(changes):
        st.caption(_("and {count} more").format(count=count - len(changes)))
