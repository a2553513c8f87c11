"""Files and folders written whole: who reads one finds what was there before or what is new, never half of it."""

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

ABANDONED_SECONDS = 24 * 3600  # after which nobody is still writing: a training may measure its network for hours
UNUSED_SECONDS = 30 * 24 * 3600  # after which what nobody asked for goes, as of a network that is no more
PREFIX = ".vitrine-"
LOCK_SECONDS = 20.0  # a change takes far less, unless the disk is ill


def write_whole(path: Path, content: bytes | str, lasting: bool = True) -> None:
    """Write a file; text is UTF-8. Takes and raises what `whole_file` does."""
    with whole_file(path, lasting) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def whole_file(path: Path, lasting: bool = True) -> Iterator[BinaryIO]:
    """An open file whose content stands at `path` once the block has ended well; otherwise `path` is as it was.

    lasting: wait until the disk has it, so that a power cut cannot lose it; what is soon written again need not.
    Raises OSError, as for a full disk.
    """
    remove_abandoned(path.parent)
    temporary = name_beside(path)
    try:
        with temporary.open("xb") as file:
            yield file
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if lasting:
        sync(path.parent)


@contextmanager
def whole_folder(path: Path, last: str) -> Iterator[Path]:
    """An empty folder to fill, whose files stand in `path` once the block has ended well; otherwise nothing changes.

    Where `path` is there already, it is so at every moment: its files are replaced one by one, and at the end the one
    named `last`, which says what the others hold. Files of other names stay. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent)
    temporary = name_beside(path)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            sync(file)
        put_in_place(temporary, path, last)
        sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def put_in_place(folder: Path, path: Path, last: str) -> None:
    try:
        os.replace(folder, path)  # there is none yet
    except OSError:
        if not path.is_dir():
            raise
        for file in sorted(folder.iterdir(), key=lambda file: file.name == last):
            os.replace(file, path / file.name)


def name_beside(path: Path) -> Path:
    """A name in the folder of `path`, as only there a file changes its name at once; nobody can guess it."""
    return path.parent / f"{PREFIX}{secrets.token_hex(16)}"


def is_being_written(path: Path) -> bool:
    """Whether a file or folder has a name of `name_beside`: it is not whole yet, or never will be."""
    return re.fullmatch(re.escape(PREFIX) + "[0-9a-f]{32}", path.name) is not None


def remove_abandoned(folder: Path) -> None:
    """Delete what processes that were killed a day ago or earlier left half-written in a folder."""
    with suppress(OSError):  # the folder is not there, or nobody may look
        for path in filter(is_being_written, folder.iterdir()):
            with suppress(OSError):  # another process removes it too
                if path.lstat().st_mtime < time.time() - ABANDONED_SECONDS:
                    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """While this lasts, no other thread or process is inside for the same lock file, whose folder must be there.

    A process that is killed holds it no longer. Raises OSError, TimeoutError where another one stays inside for long.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise TimeoutError(_("another process is changing {folder}; try again").format(folder=path.parent)) from None
    try:
        yield
    finally:
        lock.release()


def changed(path: Path) -> float:
    """When a file or folder last changed; 0 for one that has just gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder; some systems and disks cannot be asked."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def mark_used(path: Path) -> None:
    """A file's date says when it was last asked for."""
    with suppress(OSError):  # a folder that may only be read
        os.utime(path)


def is_unused(path: Path) -> bool:
    """Whether a kept file or folder was neither written nor asked for in a month."""
    try:
        return path.stat().st_mtime < time.time() - UNUSED_SECONDS
    except OSError:
        return False


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
