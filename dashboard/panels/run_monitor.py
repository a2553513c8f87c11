"""The runs that are training, with their remaining time, updated without drawing the page again."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.access import roles
from dashboard.access.roles import NotOwnerError
from dashboard.presenters import phrases
from dashboard.presenters.run_table import current_activity, fraction_done
from model.common.files import modified_at
from model.i18n.translations import gettext as _
from training.runs.background_runs import StartingRun, discard_start, failure_reason, list_starting_runs
from training.runs.process import is_alive, is_stopping, stop_run
from training.runs.run import Run, own_run_folder, own_runs_folder, unfinished_runs
from training.runs.run_files import RunError

_LIVE_SECONDS = 2.0
_SHOWN_FILES = ("recipe.toml", "history.csv", "metrics.json")  # what the rest of the page is drawn from


@st.fragment(run_every=_LIVE_SECONDS)
def show_running() -> None:
    """Draw the running runs every two seconds; the whole page is drawn again only if it would look different."""
    runs, starts = [run for run in unfinished_runs() if run.status in ("running", "cut off")], list_starting_runs()
    now = _state_of(runs, starts)
    before, st.session_state.runs_seen = st.session_state.get("runs_seen", now), now
    if now != before:
        st.rerun()  # a form that is open stays open
    _show_problem()
    for start in starts:
        _show_start(start)
    for run in runs:
        if run.status == "running":
            _show_progress(run)


def _show_problem() -> None:
    """Draw why the last thing failed, until something else is done or it is dismissed."""
    if problem := st.session_state.get("run_problem"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.error(phrases.escape_markdown(problem))
            st.button(_("Dismiss"), key="dismiss-problem", on_click=forget_problem)


def forget_problem() -> None:
    """Forget why the last thing failed."""
    st.session_state.pop("run_problem", None)


def _state_of(runs: list[Run], starts: list[StartingRun]) -> tuple[object, ...]:
    """Return what the page shows of the user's runs, except the progress within an epoch."""
    files = sorted(path for name in _SHOWN_FILES for path in own_runs_folder().glob(f"*/{name}"))
    written = tuple((str(path), modified_at(path)) for path in files)
    return written, tuple((run.name, run.status) for run in runs), tuple((start.name, start.alive) for start in starts)


def _show_progress(run: Run) -> None:
    """Draw a bar with the epoch and the remaining time."""
    share = fraction_done(run)
    text = f"{phrases.escape_markdown(run.name)}: {current_activity(run)}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if share is None:
            st.markdown(f":material/hourglass_top: {text}")
        else:
            st.progress(share, text)
        _show_stop(run.name, is_stopping(run.path), bool(run.alive))


def _show_start(start: StartingRun) -> None:
    """Draw a run that is starting, or the sentence that says why it failed."""
    name = phrases.escape_markdown(start.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        if start.alive:
            now = _("reads the data and builds the network")
            st.markdown(f":material/hourglass_top: {name}: {now}")
            _show_stop(start.name, is_stopping(start.path), True)
            return
        reason = phrases.escape_markdown(roles.hide_paths(start.problem)) or _("it ended without a word")
        st.error(_("{run} did not start: {reason}").format(run=f"**{name}**", reason=reason))
        if roles.is_owner():
            st.button(_("Dismiss"), key=f"dismiss-{start.name}", on_click=_forget, args=(start.path,))


def _forget(path: Path) -> None:
    forget_problem()
    try:
        roles.check_owner()
        discard_start(path)
    except NotOwnerError as error:
        st.session_state.run_problem = str(error)


def _show_stop(name: str, stopping: bool, ours: bool) -> None:
    """Draw the button that stops a run, or, while it is stopping, the one that does not wait."""
    if not ours or not roles.is_owner():
        return
    st.button(
        _("End at once") if stopping else _("Stop"),
        icon=":material/stop_circle:",
        key=f"stop-{name}",
        help=_("What is not measured yet is lost; the run can still go on after its last whole epoch")
        if stopping
        else _("Keeps the best weights as a network; the run can go on later"),
        on_click=_end,
        args=(name, stopping),
    )


def _end(name: str, stopping: bool) -> None:
    """Stop a run; a second click does nothing unless its reader saw that the run is stopping."""
    folder = own_runs_folder() / name
    if is_stopping(folder) and not stopping:
        return
    forget_problem()
    try:
        roles.check_owner()
        if not is_alive(folder):
            own_run_folder(name)  # says so if it is not the user's
        stop_run(folder)
    except (RunError, NotOwnerError, OSError) as error:
        st.session_state.run_problem = str(error)


def why_it_ended(run: Run) -> str:
    """Return the last output of a run that was cut off, if it was started from the page.

    A stopped run keeps that state if a process that resumes it fails before its first step; its own last output is no
    reason then.
    """
    if run.status in ("running", "finished"):
        return ""
    return failure_reason(run.path, errors_only=run.status == "interrupted" and run.alive is not False)
