"""The projects of the page Teach: which one is open, and how to create, rename, remove and download one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.access import roles
from dashboard.components import query_params
from dashboard.presenters import phrases, teach_text
from dashboard.services.jobs import Job, JobRunner
from dashboard.teaching import desks, keeping
from dashboard.teaching.desks import Desk
from dashboard.teaching.lessons import Lesson
from dashboard.teaching.network import show_downloads
from model.common.errors import VitrineError
from model.datasets.known_folders import resolve_path
from model.i18n.translations import gettext as _
from training.projects import shelf
from training.projects.archive import add_folder
from training.projects.project import Outcome, Project
from training.projects.schema import ProjectError
from training.teach.bundle import rename_with_networks

_SHOWN = 4  # files that are named
_IMPORTS = JobRunner(1)  # folders of this machine that are read
_refused: dict[str, list[Outcome]] = {}  # files of the last folder that were not taken, by the project's path
_FIRST = "my-classes"  # what the first project is called until it gets a name


def attempt(change: Callable[[], object]) -> bool:
    """Change the owner's projects, and return whether that worked; if not, the next page says why."""
    try:
        roles.check_owner()
        change()
    except (VitrineError, OSError) as error:
        st.session_state.teach_problem = str(error)
        return False
    return True


def use_desk() -> tuple[str, Desk]:
    """Return this page's desk with its token: the owner's with the project that the address names, a visitor's own.

    Raises:
        ProjectError: There is no room for another visitor.
    """
    state, who = st.session_state, roles.current_visitor()
    token = state.get("teach_desk", "")
    desk = desks.find_desk(token)
    if who.owner:
        name = _open_name()
        fits = desk is not None and desk.who == who and desk.lesson.project.name == name and desk.is_of_now
        if desk is None or not fits or desk.lesson.project.in_memory:
            token = desks.open_stored(who, name)
    elif desk is None or not desk.lesson.project.in_memory:
        if token:
            st.toast(_("Your pictures are no longer here: what visitors teach is not stored."))
        token = desks.open_in_memory(who)
    state.teach_desk = token
    found = desks.find_desk(token)
    assert found is not None
    found.language = st.session_state.get("lang") or found.language
    return token, found


def _open_name() -> str:
    """Return the project to open: the one in the address, else the one that changed last, else a first, empty one.

    It stands in the address from then on: whichever changed last may soon be another.
    """
    names = shelf.list_projects()
    if not names:
        names = [shelf.create_project(_FIRST).name]
    name = query_params.read("project", names)
    if st.query_params.get("project", name) == name:
        st.query_params["project"] = name
    return name


def show_bar(desk: Desk, base: str) -> None:
    """Draw the line at the top: which project this is, and what can be done with it.

    Args:
        desk: Whose project it is.
        base: The address of the project's routes.
    """
    project = desk.lesson.project
    if problem := st.session_state.pop("teach_problem", None):
        st.error(phrases.escape_markdown(roles.hide_paths(problem)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if project.in_memory:
            st.caption(_("What you teach stays in memory while this page is open; none of it is stored."))
        else:
            _show_choice()
            _show_changes(desk.lesson)
        show_downloads(desk.lesson, base)
    if not project.in_memory:
        _show_undo()


def _show_choice() -> None:
    names = shelf.list_projects()
    query_params.choose(_("Project"), "project", names, lambda name: name, width=260, ordered=False)


def _show_changes(lesson: Lesson) -> None:
    project = lesson.project
    # A form closes once it has done its work: the next one has another key.
    form = f"{project.name}-{st.session_state.get('teach_imports', 0)}"
    with st.popover(_("New"), icon=":material/add:", key=f"teach-new-{form}"):
        st.text_input(_("Name"), max_chars=64, key="teach-new-name", placeholder=_("pets"))
        st.button(_("Create"), type="primary", key="teach-new-do", on_click=_create)
    with st.popover(_("Change"), icon=":material/edit:", key=f"teach-change-{form}"):
        st.text_input(_("New name"), project.name, max_chars=64, key=f"teach-rename-{project.name}")
        st.button(_("Rename"), type="primary", key="teach-rename-do", on_click=_rename, args=(lesson,))
        st.button(_("Remove"), icon=":material/delete:", key="teach-remove", on_click=_remove, args=(project.name,))
    with st.popover(_("From this machine"), icon=":material/folder_open:", key=f"teach-folder-{form}"):
        st.text_input(
            _("Folder with a folder of pictures for each class"),
            key="teach-folder-path",
            placeholder="/home/me/pictures",
        )
        st.button(_("Add its pictures"), type="primary", key="teach-folder-do", on_click=_import, args=(project,))


def _show_undo() -> None:
    removed = st.session_state.get("teach_removed")
    if removed and roles.is_owner():
        with st.container(horizontal=True, vertical_alignment="center"):
            text = _("The project {name} is removed.").format(name=f"**{phrases.escape_markdown(removed.name)}**")
            st.markdown(f":material/delete: {text}", width="content")
            st.button(_("Undo"), icon=":material/undo:", key="teach-undo", on_click=_restore)


def show_import(project: Project) -> None:
    """Draw how much of a folder has been read, or why it cannot be."""
    job, refused = _IMPORTS.find(str(project.path)), _refused.get(str(project.path), [])
    if refused:
        lines = [f"{one.name}: {one.reason}" for one in refused[:_SHOWN]]
        lines += [_("and {count} more").format(count=len(refused) - _SHOWN)] if len(refused) > _SHOWN else []
        st.warning("  \n".join(map(phrases.escape_markdown, lines)), icon=":material/broken_image:")
    if job is not None and job.error:
        st.error(phrases.escape_markdown(roles.hide_paths(job.error)))
    elif job is not None and _is_underway(job):
        text = _("Reading the folder: {count}").format(count=teach_text.counted(job.done))
        st.caption(f":material/hourglass_top: {text}")
    if (refused or (job is not None and job.error)) and not _is_underway(job):
        st.button(_("Dismiss"), icon=":material/close:", key="teach-import-dismiss", on_click=_dismiss, args=(project,))


def _dismiss(project: Project) -> None:
    """Forget what the last folder that was read into a project had to say."""
    _IMPORTS.forget(str(project.path))
    _refused.pop(str(project.path), None)


def _is_underway(job: Job | None) -> bool:
    return job is not None and not job.ended.is_set()


def _open(name: str) -> None:
    query_params.write(project=name)


def _create() -> None:
    name = st.session_state["teach-new-name"].strip()
    if attempt(lambda: shelf.create_project(name)):
        _open(name)


def _rename(lesson: Lesson) -> None:
    old = lesson.project.name
    new = st.session_state[f"teach-rename-{old}"].strip()
    if new == old:
        return

    def work() -> None:
        path = str(shelf.open_project(old).path)
        # Either would go on under the old name, and what it makes would belong to no project.
        if _is_underway(_IMPORTS.find(path)):
            raise ProjectError(_("a folder is being read into this project; rename it when that is done"))
        if _is_underway(keeping.find_job(lesson)):
            raise ProjectError(_("a network is being made of this project; rename it when that is done"))
        desks.follow_project(path, rename_with_networks(old, new))

    if attempt(work):
        _open(new)


def _remove(name: str) -> None:
    def work() -> None:
        path = str(shelf.open_project(name).path)
        st.session_state.teach_removed = shelf.remove_project(name)
        desks.forget_project(path)
        _IMPORTS.forget(path)
        _refused.pop(path, None)

    if attempt(work):
        query_params.write(project="")


def _restore() -> None:
    removed = st.session_state.teach_removed
    if attempt(lambda: desks.forget_project(str(shelf.restore_project(removed).path))):
        _open(removed.name)
        st.session_state.pop("teach_removed")


def _import(project: Project) -> None:
    folder = resolve_path(st.session_state["teach-folder-path"])

    def work(job: Job) -> None:
        def count(_label: str, _outcome: Outcome) -> None:
            job.done += 1

        key = str(project.path)
        _refused.pop(key, None)
        found = [one for one in add_folder(project, folder, count) if one.reason]
        if found:
            _refused[key] = found

    if attempt(lambda: _IMPORTS.start(str(project.path), work)):
        st.session_state.teach_imports = st.session_state.get("teach_imports", 0) + 1
