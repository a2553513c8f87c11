"""What goes on now: the runs that train, with the time they will take, followed without drawing the page anew."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard.access import roles
from dashboard.access.roles import NotOwnerError
from dashboard.presenters import phrases
from dashboard.presenters.run_table import doing, share_done
from model.common.files import modified_at
from model.i18n.translations import gettext as _
from training.runs.background_runs import StartingRun, discard_start, failure_reason, list_starting_runs
from training.runs.process import is_alive, is_stopping, stop_run
from training.runs.run import Run, own_run_folder, own_runs_folder, unfinished_runs
from training.runs.run_files import RunError

LIVE_SECONDS = 2.0
SHOWN_FILES = ("recipe.toml", "history.csv", "metrics.json")  # what the rest of the page is drawn from


@st.fragment(run_every=LIVE_SECONDS)
def follow() -> None:
    """Show the runs under way every two seconds; draw the whole page anew only when it would look different."""
    runs, starts = [run for run in unfinished_runs() if run.status in ("running", "cut off")], list_starting_runs()
    now = state_of(runs, starts)
    before, st.session_state.runs_seen = st.session_state.get("runs_seen", now), now
    if now != before:
        st.rerun()  # a form that is open stays open
    if problem := st.session_state.pop("run_problem", None):
        st.error(phrases.plain(problem))
    for start in starts:
        show_start(start)
    for run in runs:
        if run.status == "running":
            show_progress(run)


def state_of(runs: list[Run], starts: list[StartingRun]) -> tuple[object, ...]:
    """What the page shows of the user's runs, but for the progress within an epoch."""
    files = sorted(path for name in SHOWN_FILES for path in own_runs_folder().glob(f"*/{name}"))
    written = tuple((str(path), modified_at(path)) for path in files)
    return written, tuple((run.name, run.status) for run in runs), tuple((start.name, start.alive) for start in starts)


def show_progress(run: Run) -> None:
    """A bar with the epoch and the time left, and the end of it."""
    share = share_done(run)
    text = f"{phrases.plain(run.name)}: {doing(run)}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if share is None:
            st.markdown(f":material/hourglass_top: {text}")
        else:
            st.progress(share, text)
        show_stop(run.name, is_stopping(run.path), bool(run.alive))


def show_start(start: StartingRun) -> None:
    """A run that is not there yet, or the sentence with which it failed."""
    name = phrases.plain(start.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        if start.alive:
            now = _("reads the data and builds the network")
            st.markdown(f":material/hourglass_top: {name}: {now}")
            show_stop(start.name, is_stopping(start.path), True)
            return
        reason = phrases.plain(start.problem) or _("it ended without a word")
        st.error(_("{run} did not start: {reason}").format(run=f"**{name}**", reason=reason))
        if roles.is_owner():
            st.button(_("Dismiss"), key=f"dismiss-{start.name}", on_click=forget, args=(start.path,))


def forget(path: Path) -> None:
    try:
        roles.check_owner()
        discard_start(path)
    except NotOwnerError as error:
        st.session_state.run_problem = str(error)


def show_stop(name: str, stopping: bool, ours: bool) -> None:
    """The button that ends a run of this machine; while one ends by itself, that which does not wait."""
    if not ours or not roles.is_owner():
        return
    st.button(
        _("End at once") if stopping else _("Stop"),
        icon=":material/stop_circle:",
        key=f"stop-{name}",
        help=_("What is not measured yet is lost; the run can still go on after its last whole epoch")
        if stopping
        else _("Keeps the best weights as a network; the run can go on later"),
        on_click=end,
        args=(name, stopping),
    )


def end(name: str, stopping: bool) -> None:
    """Stop a run. stopping: whether the reader saw that it is ending already; else a second click ends nothing more."""
    folder = own_runs_folder() / name
    if is_stopping(folder) and not stopping:
        return
    try:
        roles.check_owner()
        if not is_alive(folder):
            own_run_folder(name)  # says so if it is not the user's
        stop_run(folder)
    except (RunError, NotOwnerError, OSError) as error:
        st.session_state.run_problem = str(error)


def why_it_ended(run: Run) -> str:
    """What the command of a run that was cut off said last, where it was started from the page.

    One that was stopped keeps that state while a process that was to go on with it fails before its first step; what
    the stopped one itself said last is no reason for anything.
    """
    if run.status in ("running", "finished"):
        return ""
    return failure_reason(run.path, errors_only=run.status == "interrupted" and run.alive is not False)
