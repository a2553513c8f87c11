"""Find the picture files in folders: one list of suffixes and one walk for everything that reads folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "webp", "avif", "avifs"),
        *("bmp", "dib", "gif", "tif", "tiff", "heic", "heif", "hif"),
    )
)
# Files and folders that operating systems and programs create without a leading dot, in lower case.
_LEFTOVERS = frozenset(
    {
        *("__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found", "__pycache__"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
    }
)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name belongs to the system or a program, and is no picture or class."""
    return name.startswith(".") or name.casefold() in _LEFTOVERS


def is_picture(name: str) -> bool:
    """Return whether a file of this name may be a picture; its content is not read."""
    return not is_hidden(name) and PurePosixPath(name).suffix.lower() in SUFFIXES


def is_picture_path(path: str) -> bool:
    """Do the same for a browser's path such as `holiday/rome/a.jpg`; folders below the first must not be hidden."""
    *folders, name = PurePosixPath(path.replace("\\", "/")).parts or ("",)
    return is_picture(name) and not any(map(is_hidden, folders[1:]))


def _raise(error: OSError) -> None:
    raise error


def walk_pictures(folder: Path, on_error: Callable[[OSError], object] = _raise) -> Iterator[tuple[Path, list[str]]]:
    """Walk through a folder and its sub-folders, without hidden ones.

    `folder` itself may be hidden or a link. Links to folders below it are not followed, so that the walk ends.

    Args:
        folder: Where to begin.
        on_error: Called with why a folder cannot be listed; by default that ends the walk, so that no picture is
            missing without a word.

    Yields:
        Each folder with the sorted names of its picture files.

    Raises:
        OSError: A folder cannot be listed.
    """
    for parent, folders, files in os.walk(folder, onerror=on_error):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        yield Path(parent), sorted(filter(is_picture, files))


def picture_paths(folder: Path) -> list[Path]:
    """List all picture files in a folder and its sub-folders, sorted by path; links to files are included.

    Raises:
        OSError: A folder cannot be listed.
    """
    found = (parent / name for parent, names in walk_pictures(folder) for name in names)
    return sorted(path for path in found if path.is_file())
