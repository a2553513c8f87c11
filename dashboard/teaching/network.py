"""Export what was taught: as a model under a name, as files, and as the pictures themselves."""

from __future__ import annotations

import streamlit as st

from dashboard.access import roles
from dashboard.presenters import phrases
from dashboard.teaching import keeping
from dashboard.teaching.lessons import Lesson
from dashboard.teaching.routes import PICTURES_ZIP
from model.common.errors import VitrineError
from model.i18n.translations import gettext as _


def show_network(lesson: Lesson) -> None:
    """Draw the button that makes it a model, for the owner, and the links to the model it has become."""
    if problem := st.session_state.pop("teach_keep_problem", None):
        st.error(phrases.escape_markdown(roles.hide_paths(problem)))
    if lesson.taught is None or lesson.project.in_memory or not roles.is_owner():
        return
    name, job = keeping.kept_name(lesson), keeping.find_job(lesson)
    if job is not None and job.error:
        st.error(phrases.escape_markdown(roles.hide_paths(job.error)))
    if job is not None and not job.ended.is_set():
        text = (
            _("It can be used everywhere now; its int8 file is still being made")
            if job.done
            else _("Making the network")
        )
        st.progress(job.fraction, text)
    else:
        _show_keep(lesson, name)
    if name and (job is None or job.done):
        with st.container(horizontal=True):
            st.page_link(
                "views/classify.py",
                label=_("Classify with {name}").format(name=phrases.escape_markdown(name)),
                icon=":material/image_search:",
                query_params={"model": name},
            )
            st.page_link(
                "views/models.py",
                label=_("Its files"),
                icon=":material/download:",
                query_params={"name": name},
                help=_("Download the network as .keras, .tflite or .onnx"),
            )


def _show_keep(lesson: Lesson, name: str) -> None:
    """Draw the button: one click if the network has a name already, else a form that asks for one."""
    if name and lesson.taught is not None and lesson.kept_revision == lesson.taught.samples.revision:
        text = _("It answers as {name} on every page, on the command line and over HTTP.")
        st.caption(f":material/check: {text.format(name=f'**{phrases.escape_markdown(name)}**')}")
        return
    if name:
        st.button(
            _("Teach {name} again").format(name=phrases.escape_markdown(name)),
            icon=":material/upgrade:",
            help=_("Replaces the network of this name with what was learnt here last."),
            key="teach-keep-again",
            on_click=_keep,
            args=(lesson, name),
        )
        return
    form, key = f"teach-keep-form-{lesson.project.name}", f"teach-keep-name-{lesson.project.name}"
    with st.popover(_("Use it everywhere"), type="primary", icon=":material/public:", key=form):
        st.text_input(_("Name of the network"), lesson.project.name, max_chars=64, key=key)
        st.button(_("Use it"), type="primary", key="teach-keep-do", on_click=_keep, args=(lesson, "", key))
        st.caption(_("Then it answers on every page, on the command line and over HTTP."))


def _keep(lesson: Lesson, name: str, key: str = "") -> None:
    """Make the network, under this name or under that in the field of this key."""
    try:
        roles.check_owner()
        keeping.start_keeping(lesson, name or st.session_state[key].strip())
    except VitrineError as error:
        st.session_state.teach_keep_problem = str(error)


def show_downloads(lesson: Lesson, base: str) -> None:
    """Draw the download of the pictures as a ZIP file; visitors, who cannot keep a network, download that too.

    Args:
        lesson: Has the project.
        base: The address of the project's routes.
    """
    with st.popover(_("Download"), icon=":material/download:", key="teach-download"):
        # A link, because a download button would hold gigabytes of photographs in memory.
        st.link_button(_("The pictures, as a ZIP file"), f"{base}{PICTURES_ZIP}", icon=":material/folder_zip:")
        if lesson.project.in_memory and lesson.taught is not None:
            st.download_button(
                _("The network, as a ZIP file"),
                lambda: keeping.network_zip(lesson),
                f"{phrases.safe_file_name(lesson.project.name)}-network.zip",
                "application/zip",
                icon=":material/download:",
                key="teach-network-zip",
                on_click="ignore",
            )
