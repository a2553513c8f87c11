"""The process that trains a run, identified by its PID and start time."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from model.common.errors import VitrineError
from model.common.files import locked
from model.i18n.translations import gettext as _
from training.runs.run_files import LOCK, PROCESS, PROGRESS, RunError, read_json, write_json

if TYPE_CHECKING:
    import psutil

_CLOCK_TOLERANCE = 2.0  # seconds by which a moment may seem to move when the machine's clock is set


class StoppedRun(VitrineError, RuntimeError):
    """A run was stopped before its first epoch ended: it has not failed, and begins anew the next time."""


def describe(pid: int) -> dict[str, Any]:
    """Return what identifies a process; raise psutil.Error if there is none."""
    import psutil

    return {"pid": pid, "started": psutil.Process(pid).create_time(), "host": socket.gethostname()}


def training_process(folder: Path) -> psutil.Process | None:
    """Return the living process that trains a run on this machine, or None."""
    import psutil

    said = read_json(folder / PROCESS)
    pid, started = said.get("pid"), said.get("started")
    if type(pid) is not int or pid <= 0 or type(started) is not float or said.get("host") != socket.gethostname():
        return None
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _CLOCK_TOLERANCE and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OverflowError):
        return None
    return process if same else None


def is_alive(folder: Path) -> bool | None:
    """Return whether the run's process is alive; None if unknown, or on another machine."""
    said = read_json(folder / PROCESS)
    if "pid" not in said or said.get("host") != socket.gethostname():
        return None
    return training_process(folder) is not None


def is_stopping(folder: Path) -> bool:
    """Return whether the run's process has been asked to stop."""
    return read_json(folder / PROCESS).get("stopping") is True


def stop_run(folder: Path) -> None:
    """Ask the run's process to stop, saving its best weights and a checkpoint; a second time, kill it.

    Raises:
        RunError: The run has no process on this machine.
    """
    import psutil

    process = training_process(folder)
    if process is None:
        raise RunError(_("the run {name!r} has no process on this machine to stop").format(name=folder.name))
    hard = is_stopping(folder)
    try:
        if hard:
            process.kill()
            return
        write_json(folder / PROCESS, read_json(folder / PROCESS) | {"stopping": True})
        process.send_signal(signal.SIGTERM)
    except psutil.NoSuchProcess:
        return  # it has just ended by itself
    except (psutil.AccessDenied, OSError) as error:
        raise RunError(
            _("the run {name!r} cannot be stopped: {reason}").format(name=folder.name, reason=error)
        ) from None


@contextmanager
def claim_run(folder: Path) -> Iterator[None]:
    """Mark the run as trained by this process while the block runs.

    Raises:
        RunError: Another process is training it.
    """
    with locked(folder / LOCK):  # two that begin together must not both find nobody
        other = training_process(folder)
        if other is not None and other.pid != os.getpid():
            raise RunError(
                _("the run {name!r} is being trained already, by process {pid}").format(name=folder.name, pid=other.pid)
            )
        write_json(folder / PROCESS, describe(os.getpid()))
    try:
        yield
    finally:
        with suppress(OSError):  # a full disk: then the process's end says the same
            (folder / PROGRESS).unlink(missing_ok=True)
            (folder / PROCESS).unlink(missing_ok=True)


STOP_REQUESTED = threading.Event()  # set by the signal, as Python may lose the exception that it raises


def _handle_signal(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, and leave word of it: one raised while Python collects garbage is lost."""
    STOP_REQUESTED.set()
    raise KeyboardInterrupt


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Let SIGTERM stop the work as Ctrl-C does, even if the parent process ignores Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    STOP_REQUESTED.clear()
    before = {number: signal.signal(number, _handle_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        STOP_REQUESTED.clear()
        for number, handler in before.items():
            signal.signal(number, handler)
