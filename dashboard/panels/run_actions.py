"""What can be done with a run: resume, rename, delete, undo that, and use its network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dashboard.access import roles
from dashboard.panels.run_monitor import forget_problem, why_it_ended
from dashboard.presenters import phrases
from dashboard.presenters import run_table as facts
from model.common.errors import BundleError
from model.datasets.splits import DataError
from model.i18n.translations import gettext as _
from model.registry.card import check_name
from training.analysis.diagnosis import diagnose
from training.runs.background_runs import can_resume, resume_run
from training.runs.changes import remove_run, rename_run, restore_run
from training.runs.data_provenance import read_context
from training.runs.run import Run, own_runs_folder
from training.runs.run_files import RunError


def _attempt(change: Callable[[], object]) -> bool:
    """Change a run and return whether that worked; if not, the next page says why."""
    forget_problem()
    try:
        roles.check_owner()
        change()
    except (RunError, BundleError, DataError, OSError) as error:
        st.session_state.run_problem = str(error)
        return False
    return True


def show_run(run: Run, color: str) -> None:
    """Draw a run in a row: its state, its results, and what can be done with it."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"run-{run.name}"):
        sentences = [remark.sentence for remark in diagnose(run)]
        if reason := why_it_ended(run):
            sentences.append(_("It said last: {reason}").format(reason=reason))
        dot = f"<span aria-hidden='true' style='color:{color}'>●</span>"
        head = f"{dot} **{phrases.escape_markdown(run.name)}** · {phrases.escape_markdown(facts.status_text(run))}"
        said = phrases.escape_markdown(roles.hide_paths(" ".join(sentences)) or _("No epoch has ended yet."))
        st.markdown(f"{head}  \n{said}", unsafe_allow_html=True, width="stretch")
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            _show_network(run)
            if roles.is_owner() and run.path.parent == own_runs_folder() and run.status != "running":
                _show_changes(run)


def _show_network(run: Run) -> None:
    """Draw the link to the run's network, if it has one."""
    try:
        network = facts.network_of(run)
    except BundleError:  # the store cannot be read: Classify and Models say why
        return
    if network is not None:
        st.page_link(
            "views/classify.py",
            label=_("Use its network"),
            icon=":material/image_search:",
            query_params={"model": network},
        )


def _show_changes(run: Run) -> None:
    """Draw the buttons of one of the user's runs that is not training."""
    if can_resume(run):
        _show_go_on(run)
    with st.popover(_("Change"), icon=":material/edit:", key=f"change-{run.name}"):
        st.text_input(_("New name"), run.name, max_chars=64, key=f"rename-{run.name}")
        st.button(_("Rename"), key=f"rename-do-{run.name}", on_click=_rename, args=(run.name,), type="primary")
        st.caption(_("Its network keeps the name it has."))
        st.button(_("Delete"), icon=":material/delete:", key=f"remove-{run.name}", on_click=_remove, args=(run.name,))


def _show_go_on(run: Run) -> None:
    """Draw the button that resumes with the run's own data; a copied run may not say which that was."""
    origin = read_context(run.path)
    known = origin.data if origin else None
    label, icon = _("Go on"), ":material/play_arrow:"
    if known is not None:
        st.button(label, icon=icon, key=f"go-on-{run.name}", on_click=_resume, args=(run.name, known))
        return
    with st.popover(label, icon=icon):
        st.text_input(
            _("Data folder on this machine"),
            placeholder=_("empty: CIFAR-10 is downloaded"),
            help=_("The same pictures that the run began with"),
            key=f"data-{run.name}",
        )
        st.button(_("Go on"), key=f"go-on-{run.name}", on_click=_resume, args=(run.name,), type="primary")


def _resume(name: str, known: str | None = None) -> None:
    data = st.session_state[f"data-{name}"] if known is None else known
    _attempt(lambda: resume_run(name, data))


def _rename(old: str) -> None:
    new = st.session_state[f"rename-{old}"].strip()
    if new != old and _attempt(lambda: rename_run(old, check_name(new))):
        shown = st.session_state.get("show") or []
        st.session_state.show = [new if name == old else name for name in shown]


def _remove(name: str) -> None:
    def work() -> None:
        st.session_state.removed_run = (str(remove_run(name)), name)

    _attempt(work)


def _undo() -> None:
    trash, name = st.session_state.removed_run
    if _attempt(lambda: restore_run(Path(trash), name)):
        st.session_state.show = [*(st.session_state.get("show") or []), name]
        st.session_state.pop("removed_run")


def show_undo() -> None:
    """Say what was deleted last, with an undo button."""
    if (removed := st.session_state.get("removed_run")) and roles.is_owner():
        with st.container(horizontal=True, vertical_alignment="center"):
            text = _("The run {run} is deleted; its network stays.").format(run=phrases.escape_markdown(removed[1]))
            st.markdown(f":material/delete: {text}", width="content")
            st.button(_("Undo"), icon=":material/undo:", on_click=_undo, key="undo-run")
