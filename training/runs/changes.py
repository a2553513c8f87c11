"""Remove, restore and rename runs that have ended."""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

from model.common.paths import home
from model.i18n.translations import gettext as _
from training.runs.run import check_unused_name, own_run_folder, own_runs_folder, read_run
from training.runs.run_files import RunError

_TRASH_SECONDS = 24 * 3600  # how long a removed run can be brought back, as a removed model can


def remove_run(name: str) -> Path:
    """Move a run to the trash, where it stays for a day, and return its folder there.

    Raises:
        RunError: The run is still running, or unknown.
    """
    folder = own_run_folder(name)
    if read_run(folder).status == "running":
        raise RunError(_("the run {name!r} is still going on; stop it first").format(name=name))
    trash = home() / "trash" / f"{name}-{time.time_ns()}"
    _move(folder, trash)
    _empty_trash(trash.parent)
    return trash


def _empty_trash(trash: Path) -> None:
    """Delete the runs that were removed over a day ago; whatever else lies there stays."""
    for folder in trash.iterdir():
        removed = re.fullmatch(r".+-(\d{19})", folder.name)  # as remove_run names it, in nanoseconds
        if removed is None or int(removed[1]) > (time.time() - _TRASH_SECONDS) * 1e9:
            continue
        with suppress(OSError):  # what cannot be read or deleted must not undo the removal that has just succeeded
            if (folder / "recipe.toml").is_file() and not folder.is_symlink():
                shutil.rmtree(folder)


def restore_run(trash: Path, name: str) -> None:
    """Undo `remove_run`; raise RunError if the name is taken again."""
    own = (home() / "bundles" / name).exists()  # else a model of that name was stored meanwhile
    _move(trash, own_runs_folder() / check_unused_name(name, network=name if own else ""))


def rename_run(name: str, new: str) -> None:
    """Rename a run.

    Raises:
        RunError: The run is still running, or the new name is taken.
        BundleError: The new name is invalid.
    """
    folder = own_run_folder(name)
    run = read_run(folder)
    if run.status == "running":
        raise RunError(_("the run {name!r} is still going on; rename it when it has ended").format(name=name))
    _move(folder, own_runs_folder() / check_unused_name(new, network=str(run.metrics.get("model", ""))))


def _move(folder: Path, target: Path) -> None:
    """Move a run's folder. Raises RunError if the disk refuses."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder, target)
    except OSError as error:  # such as what a run that failed at its start has left there
        raise RunError(
            _("{folder} cannot become {target}: {reason}").format(folder=folder, target=target, reason=error.strerror)
        ) from error
