"""Which files of a folder are pictures: one list of suffixes and one walk for everything that reads folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("png", "apng", "jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "webp", "avif", "avifs"),
        *("bmp", "dib", "gif", "tif", "tiff", "heic", "heif", "hif"),
    )
)
# What systems and programs leave in folders under names that do not begin with a dot, in small letters.
LEFTOVERS = frozenset(
    {
        *("__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found", "__pycache__"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
    }
)


def is_hidden(name: str) -> bool:
    """Whether a file or folder of that name is a system's or a program's, and nobody's picture or class."""
    return name.startswith(".") or name.casefold() in LEFTOVERS


def is_picture(name: str) -> bool:
    """Whether a file of that name may be a picture; what is in it is not looked at."""
    return not is_hidden(name) and PurePosixPath(name).suffix.lower() in SUFFIXES


def is_picture_below(path: str) -> bool:
    """The same for a path such as `holiday/rome/a.jpg`, as a browser gives it: no folder below the first is hidden."""
    *folders, name = PurePosixPath(path.replace("\\", "/")).parts or ("",)
    return is_picture(name) and not any(map(is_hidden, folders[1:]))


def walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder in and below one, hidden ones left out, with the sorted names of its pictures' files.

    `folder` may itself be hidden or a link; links to folders below it are not followed, so that no walk is endless.
    """
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        yield Path(place), sorted(filter(is_picture, files))


def picture_paths(folder: Path) -> list[Path]:
    """The pictures' files in and below a folder, sorted by path; links to files count, and nothing else does."""
    found = (place / name for place, names in walk(folder) for name in names)
    return sorted(path for path in found if path.is_file())
