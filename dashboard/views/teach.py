"""Teach your own classes: name them, add pictures, see at once how good it is, and try it."""

from __future__ import annotations

from time import monotonic

import streamlit as st

from dashboard.access import roles
from dashboard.components.class_board import show_board
from dashboard.components.try_out import show_try_out
from dashboard.presenters import phrases
from dashboard.teaching.desks import Desk
from dashboard.teaching.projects import show_bar, show_import, use_desk
from dashboard.teaching.report import show_learning
from model.common.errors import VitrineError
from model.common.extras import is_installed, require
from model.i18n.translations import gettext as _

LIVE_SECONDS = 1.5
WIDE = "<style>.stMainBlockContainer { max-width: 1320px; }</style>"  # three parts side by side


@st.fragment(run_every=LIVE_SECONDS)
def show_parts(base: str, desk: Desk, has_network: bool) -> None:
    """Draw classes, learning and trying side by side, again and again without the rest of the page.

    Args:
        base: The address of the project's routes.
        desk: Whose project it is.
        has_network: Whether a network had been taught when the rest of the page was drawn.
    """
    lesson, desk.seen = desk.lesson, monotonic()
    # Signed out since the page was drawn; or a visitor's first network is there, which the line at the top offers.
    if not desk.allowed or (lesson.project.in_memory and not has_network and lesson.taught is not None):
        st.rerun(scope="app")
    try:
        lesson.watch()
        revision = lesson.project.revision
    except VitrineError as error:
        st.error(phrases.escape_markdown(roles.hide_paths(str(error))))
        return
    show_import(lesson.project)
    titles = _("Classes"), _("Learn"), _("Try")
    classes, learn, attempt = st.columns([5, 4, 4], gap="medium")
    with classes:
        st.markdown(f"**{titles[0]}**")
        show_board(base, revision)
    with learn:
        st.markdown(f"**{titles[1]}**")
        show_learning(desk, base)
    with attempt:
        st.markdown(f"**{titles[2]}**")
        show_try_out(base, lesson.taught.samples.revision if lesson.taught else -1)


if not is_installed("keras"):
    try:
        require("keras")
    except VitrineError as error:
        st.info(phrases.escape_markdown(str(error)))
    st.stop()
try:
    token, desk = use_desk()
except VitrineError as error:
    st.error(phrases.escape_markdown(roles.hide_paths(str(error))))
    st.stop()
st.html(WIDE)
has_network = desk.lesson.taught is not None
base = f"./teaching/{token}/"
show_bar(desk, base)
show_parts(base, desk, has_network)
