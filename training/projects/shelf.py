"""The projects on this machine: find, create, rename, remove and restore them."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from model.common.errors import BundleError
from model.common.files import modified_at, remove_abandoned, temporary_path
from model.common.paths import home
from model.common.text import did_you_mean
from model.i18n.translations import gettext as _
from model.registry.card import check_name
from training.projects.project import Project
from training.projects.schema import ProjectError, UnknownProject, connect

_FILE = "project.sqlite"
_TRASH = ".removed"
_TRASH_SECONDS = 24 * 3600  # how long a removed project can be brought back, as a removed model can


@dataclass(frozen=True)
class Removed:
    """A removed project: its name, and where its folder waits."""

    name: str
    folder: Path

    @classmethod
    def of(cls, stamp: str) -> Removed:
        """Return the removed project whose folder has this name. Raises BundleError or ProjectError."""
        name, _dash, removed_at = stamp.rpartition("-")
        if not re.fullmatch("[0-9]+", removed_at):
            raise ProjectError(_("{stamp!r} is not what `projects rm` printed").format(stamp=stamp[:100]))
        return cls(check_name(name), projects_folder() / _TRASH / stamp)


def projects_folder() -> Path:
    """Return the folder that holds a folder for each project."""
    return home() / "teach"


def list_projects() -> list[str]:
    """List the names of all projects, the one that changed last first.

    A folder that cannot be a project's name, such as a file manager's copy, is none.
    """
    found = [path.parent for path in projects_folder().glob(f"*/{_FILE}") if _is_name(path.parent.name)]
    return [folder.name for folder in sorted(found, key=_changed_at, reverse=True)]


def _is_name(name: str) -> bool:
    with suppress(BundleError):
        return check_name(name) == name
    return False


def _changed_at(folder: Path) -> float:
    return max(modified_at(path) for path in (folder / _FILE, folder / f"{_FILE}-wal"))


def create_project(name: str) -> Project:
    """Create an empty project.

    Raises:
        ProjectError: There is one of that name, or it cannot be written.
        BundleError: The name is bad.
    """
    folder = projects_folder() / check_name(name)
    if folder.exists():
        raise ProjectError(_("there is a project {name!r} already; open it or choose another name").format(name=name))
    with _disk_errors_as_sentences(name):
        remove_abandoned(folder.parent)
        made = temporary_path(folder)  # nobody opens half a project, nor does one keep its name taken
        made.mkdir(parents=True)
        try:
            connect(made / _FILE).close()
            os.replace(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return open_project(name)


def open_project(name: str) -> Project:
    """Open a project by its name. Raises UnknownProject, or BundleError for a bad name."""
    path = projects_folder() / check_name(name) / _FILE
    if not path.is_file():
        names = list_projects()
        raise UnknownProject(
            _("unknown project {name!r}; projects: {names}{hint}").format(
                name=name, names=", ".join(names) or _("none yet"), hint=did_you_mean(name, names)
            )
        )
    return Project(name, path.absolute())


def open_or_create(name: str) -> Project:
    """Open a project, or create it. Raises ProjectError if it cannot be written, BundleError for a bad name."""
    try:
        return open_project(name)
    except UnknownProject:
        try:
            return create_project(name)
        except ProjectError:
            if (projects_folder() / name / _FILE).is_file():  # another thread or process was faster
                return open_project(name)
            raise


def rename_project(old: str, new: str) -> Project:
    """Give a project another name. Raises ProjectError if that is taken or the disk refuses."""
    open_project(old)
    if (projects_folder() / check_name(new)).exists():
        raise ProjectError(_("there is a project {name!r} already; open it or choose another name").format(name=new))
    with _disk_errors_as_sentences(old):
        os.replace(projects_folder() / old, projects_folder() / new)
    return open_project(new)


def remove_project(name: str) -> Removed:
    """Remove a project; for a day, `restore_project` brings it back. Raises ProjectError."""
    open_project(name)
    trash = projects_folder() / _TRASH
    removed = Removed(name, trash / f"{name}-{time.time_ns()}")
    with _disk_errors_as_sentences(name):
        trash.mkdir(exist_ok=True)
        _empty(trash)
        os.replace(projects_folder() / name, removed.folder)
    return removed


def restore_project(removed: Removed) -> Project:
    """Bring a removed project back, in place of one of its name in which nothing has been done.

    Raises:
        ProjectError: Its name is taken, or it has gone for good.
    """
    target = projects_folder() / removed.name
    if target.exists() and removed.folder.exists() and _is_untouched(removed.name):
        remove_project(removed.name)
    if target.exists():
        raise ProjectError(
            _("there is a project {name!r} already; open it or choose another name").format(name=removed.name)
        )
    with _disk_errors_as_sentences(removed.name):
        try:
            os.replace(removed.folder, target)
        except FileNotFoundError:
            raise ProjectError(_("the project {name!r} has been removed for good").format(name=removed.name)) from None
    return open_project(removed.name)


def _is_untouched(name: str) -> bool:
    """Return whether a project has nothing, nor ever had: the page makes such a one where there is none."""
    try:
        return open_project(name).revision == 0
    except UnknownProject:  # a folder of something else
        return False


@contextmanager
def _disk_errors_as_sentences(name: str) -> Iterator[None]:
    """Turn what the disk refuses into a sentence. Raises ProjectError."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = str(error)
        if isinstance(error, OSError) and error.strerror:
            reason = f"{error.strerror} ({error.filename})"
        raise ProjectError(
            _("the project {name!r} cannot be used: {reason}").format(name=name, reason=reason)
        ) from error


def _empty(trash: Path) -> None:
    """Delete what was removed over a day ago."""
    for folder in trash.iterdir():
        stamp = folder.name.rpartition("-")[2]
        if stamp.isdigit() and int(stamp) < (time.time() - _TRASH_SECONDS) * 1e9:
            with suppress(OSError):
                shutil.rmtree(folder)
