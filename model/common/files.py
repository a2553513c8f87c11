"""Atomic writes of files and folders: a reader sees the old content or the new, never half of it."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from model.i18n.translations import gettext as _

ABANDONED_SECONDS = 24 * 3600  # a temporary file this old has no writer any more; a training may write for hours
_UNUSED_SECONDS = 30 * 24 * 3600  # cached files unused for this long are deleted; their network may be gone
_PREFIX = ".vitrine-"
_LOCK_SECONDS = 20.0  # far longer than any change takes on a healthy disk


def write_atomic(path: Path, content: bytes | str, durable: bool = True) -> None:
    """Write a file atomically; text is encoded as UTF-8.

    Args:
        path: The file, in a folder that exists.
        content: Its bytes or its text.
        durable: Wait until the data is on the disk, as in `atomic_file`.

    Raises:
        OSError: The file cannot be written, for example because the disk is full.
    """
    with atomic_file(path, durable) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def atomic_file(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` when the block ends without an exception.

    Args:
        path: The file, in a folder that exists; unchanged if the block raises.
        durable: Wait until the data is on the disk, so that a power cut cannot lose it. Not needed for a file that will
            soon be written again.

    Raises:
        OSError: The file cannot be written, for example because the disk is full.
    """
    remove_abandoned(path.parent)
    temporary = temporary_path(path)
    try:
        with temporary.open("xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if durable:
        _fsync(path.parent)


@contextmanager
def atomic_folder(path: Path, last: str) -> Iterator[Path]:
    """Create a temporary folder whose files move to `path` when the block ends without an exception.

    If `path` exists already it never disappears: its files are replaced one by one, the file named `last` at the end,
    because it describes the others. Files with other names stay.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent)
    temporary = temporary_path(path)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            _fsync(file)
        _move_into_place(temporary, path, last)
        _fsync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move_into_place(folder: Path, path: Path, last: str) -> None:
    try:
        os.replace(folder, path)  # works if there is no such folder yet
    except OSError:
        if not path.is_dir():
            raise
        for file in sorted(folder.iterdir(), key=lambda file: file.name == last):
            os.replace(file, path / file.name)


def temporary_path(path: Path) -> Path:
    """Return an unguessable name in the same folder as `path`: only there is a rename atomic."""
    return path.parent / f"{_PREFIX}{secrets.token_hex(16)}"


def is_temporary(path: Path) -> bool:
    """Return whether a file or folder is one of `temporary_path`: still being written, or abandoned."""
    return re.fullmatch(re.escape(_PREFIX) + "[0-9a-f]{32}", path.name) is not None


def remove_abandoned(folder: Path) -> None:
    """Delete temporary files that were left in a folder by processes killed a day ago or earlier."""
    with suppress(OSError):  # the folder is missing or not readable
        for path in filter(is_temporary, folder.iterdir()):
            with suppress(OSError):  # another process was faster
                if path.lstat().st_mtime < time.time() - ABANDONED_SECONDS:
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that one thread of one process at a time runs the block.

    The lock is released when its process dies.

    Args:
        path: The lock file, in a folder that exists.

    Raises:
        OSError: The lock file cannot be created.
        TimeoutError: Somebody else held the lock for _LOCK_SECONDS.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=_LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise TimeoutError(_("another process is changing {folder}; try again").format(folder=path.parent)) from None
    try:
        yield
    finally:
        lock.release()


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder that can be accessed."""
    try:
        return path.is_dir()
    except OSError:  # no permission, or the name is too long
        return False


def modified_at(path: Path) -> float:
    """Return when a file or folder was last modified, in seconds since 1970; 0 if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _fsync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk; ignore systems that cannot do this."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def mark_used(path: Path) -> None:
    """Set a file's modification time to now, as the time of its last use."""
    with suppress(OSError):  # the folder is read-only
        os.utime(path)


def is_unused(path: Path) -> bool:
    """Return whether a cached file or folder was neither written nor used for _UNUSED_SECONDS."""
    try:
        return path.stat().st_mtime < time.time() - _UNUSED_SECONDS
    except OSError:
        return False


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
