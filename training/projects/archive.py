"""Read and write folders and ZIP files that have a folder of pictures for each class."""

from __future__ import annotations

import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import IO

from model.common.zip_listing import lists_at_most
from model.datasets.image_folder import class_folders
from model.i18n.number_format import integer
from model.i18n.translations import gettext as _
from model.images.decoder import MAX_BYTES, format_by_signature
from model.images.image_files import SUFFIXES, is_hidden, is_picture, picture_paths
from training.projects.project import MOST_PICTURES, Outcome, Project, check_class_name
from training.projects.schema import ProjectError

_SETTINGS = "vitrine-project.json"  # the settings, and the classes in their order, empty ones too
KEPT_SETTINGS = ("careful",)
_MOST_SETTINGS = 2**20  # bytes
_MOST_LISTED = 2 * MOST_PICTURES + 50_000  # macOS puts a hidden file beside each, and folders are listed too
_UTF8_NAME = 0x800  # the flag of a name in UTF-8
_DOS = 0  # the system that made a file, for zipfile
# What zipfile raises for a damaged, encrypted or unusual archive.
_DAMAGED = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError),
    *(zlib.error, lzma.LZMAError, UnicodeDecodeError),
)
OnOutcome = Callable[[str, Outcome], object]


def add_folder(project: Project, folder: Path, on_outcome: OnOutcome = lambda label, outcome: None) -> list[Outcome]:
    """Add the pictures of a folder that has a folder for each class.

    Args:
        project: Gets the classes that it lacks.
        folder: Each folder in it is a class; pictures may lie in folders below those.
        on_outcome: Called with the class and the outcome of each file.

    Raises:
        ProjectError: There is no such folder, or none with a picture in it.
    """
    found = class_folders(folder)
    if not found:
        raise ProjectError(
            _("{folder} has no folders; it needs one for each class, with the class's pictures in it").format(
                folder=folder
            )
        )
    # Folders of notes or labels may lie beside those of the classes.
    by_class = {path.name: paths for path in found if (paths := picture_paths(path))}
    if not by_class:
        raise ProjectError(_("{folder} has folders, but no pictures in them").format(folder=folder))
    return [
        outcome
        for label, paths in by_class.items()
        for outcome in _add_paths(project, label, paths, lambda one, name=label: on_outcome(name, one))  # type: ignore[misc]
    ]


def add_class_folder(
    project: Project, label: str, folder: Path, on_outcome: Callable[[Outcome], object] = lambda outcome: None
) -> list[Outcome]:
    """Add all pictures of a folder and those below it to one class.

    Raises:
        ProjectError: There is no such folder, or no picture in it.
    """
    paths = picture_paths(folder) if folder.is_dir() else []
    if not paths:
        raise ProjectError(_("{folder} holds no pictures").format(folder=folder))
    return _add_paths(project, label, paths, on_outcome)


def _add_paths(
    project: Project, label: str, paths: list[Path], on_outcome: Callable[[Outcome], object]
) -> list[Outcome]:
    return project.add(label, ((path.name, path) for path in paths), on_outcome)


def add_zip(
    project: Project, file: Path | IO[bytes], on_outcome: OnOutcome = lambda label, outcome: None
) -> list[Outcome]:
    """Add the pictures of a ZIP file that has a folder for each class; one folder around them all does not matter.

    Nothing is unpacked before its size is known, and no name of the archive becomes a path.

    Raises:
        ProjectError: It is no ZIP file, or holds no folders with pictures.
    """
    try:
        with _opened(file) as content, zipfile.ZipFile(content) as archive:
            members = _members(archive)
            if not members:
                raise ProjectError(_("this ZIP file has no folders with pictures; it needs one for each class"))
            _read_settings(project, archive)
            outcomes = list[Outcome]()
            for label in dict.fromkeys(label for label, _entry in members):
                entries = [entry for other, entry in members if other == label]

                def tell(outcome: Outcome, label: str = label) -> None:
                    on_outcome(label, outcome)

                outcomes += project.add(label, _read_entries(archive, entries), tell)
            return outcomes
    except _DAMAGED as error:
        raise ProjectError(_("this ZIP file cannot be read: {reason}").format(reason=error)) from error


@contextmanager
def _opened(file: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """Open an archive. Raises ProjectError if it lists more than the pictures of a project and what is beside them."""
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as content:
        if not lists_at_most(content, _MOST_LISTED):
            raise ProjectError(
                _("this ZIP file holds more than {count} files; a project can hold up to {most} pictures").format(
                    count=integer(_MOST_LISTED), most=integer(MOST_PICTURES)
                )
            )
        yield content


def _name_of(entry: zipfile.ZipInfo) -> str:
    """Return the name of a file in an archive, with slashes.

    Where an archive does not say that its names are UTF-8, `zipfile` takes them for the code page of the first DOS.
    macOS writes UTF-8 without saying so, and Windows the code page of its DOS: in most of Europe and Brazil, 850.
    """
    name = entry.filename
    if not entry.flag_bits & _UTF8_NAME:
        with suppress(UnicodeEncodeError):  # as from a field with the name in Unicode
            raw = name.encode("cp437")
            name = raw.decode("cp850") if entry.create_system == _DOS else name
            with suppress(UnicodeDecodeError):
                name = raw.decode("utf-8")
    return name.replace("\\", "/")


def _members(archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    """The pictures of an archive with their classes. Raises ProjectError for more than a project holds."""
    found = []
    for entry in archive.infolist():
        parts = PurePosixPath(_name_of(entry)).parts
        if (
            parts
            and not entry.is_dir()
            and is_picture(parts[-1])
            and not any(map(is_hidden, parts))
            and ".." not in parts
        ):
            found.append((parts, entry))
    if len(found) > MOST_PICTURES:
        raise ProjectError(
            _("this ZIP file holds {count} pictures; a project can hold up to {most}").format(
                count=len(found), most=MOST_PICTURES
            )
        )
    # A folder around the class folders, as archives of a folder have it.
    around = {parts[0] for parts, _entry in found if len(parts) > 1}
    depth = 1 if len(around) == 1 and any(len(parts) > 2 for parts, _entry in found) else 0
    return [(check_class_name(parts[depth]), entry) for parts, entry in found if len(parts) > depth + 1]


def _read_entries(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes]]:
    for entry in entries:
        with archive.open(entry) as file:
            yield PurePosixPath(_name_of(entry)).name, file.read(MAX_BYTES + 1)  # one byte more is refused as too large


def _read_settings(project: Project, archive: zipfile.ZipFile) -> None:
    """Take over the order of the classes and the settings, if a project has been exported to this archive."""
    entry = next((entry for entry in archive.infolist() if PurePosixPath(entry.filename).name == _SETTINGS), None)
    if entry is None or entry.file_size > _MOST_SETTINGS:
        return
    try:
        kept = json.loads(archive.read(entry))
        labels = [check_class_name(str(name)) for name in kept["classes"]]
        settings = {key: str(float(kept["settings"][key])) for key in KEPT_SETTINGS if key in kept["settings"]}
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ProjectError(
            _("{file} in this ZIP file cannot be read: {reason}").format(file=_SETTINGS, reason=error)
        ) from error
    known = {entry.name for entry in project.classes()}
    for label in labels:
        if label not in known:
            project.add_class(label)
    for key, value in settings.items():
        project.keep_setting(key, value)


def write_zip(project: Project, file: Path | IO[bytes]) -> None:
    """Write a project as a ZIP file: a folder of pictures for each class, and its settings.

    Raises:
        ProjectError: The project is gone.
        OSError: The file cannot be written.
    """
    settings = {key: value for key in KEPT_SETTINGS if (value := project.setting(key, ""))}
    about = {"name": project.name, "classes": [entry.name for entry in project.classes()], "settings": settings}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        archive.writestr(_SETTINGS, json.dumps(about, ensure_ascii=False, indent=2))
        for picture in project.pictures():
            content = project.content(picture.sha256)
            archive.writestr(f"{picture.label}/{_file_name(picture.id, picture.name, content)}", content)


def _file_name(number: int, name: str, content: bytes) -> str:
    """Return a file name that no other picture has, that every system accepts, and that reads as a picture's."""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix.lower()
    if suffix not in SUFFIXES:  # a camera's or the clipboard's picture has no file name
        stem, suffix = name, f".{(format_by_signature(content) or 'png').lower()}"
    return f"{number:05d}-{re.sub(r'[^A-Za-z0-9._-]+', '-', stem)[:60].strip('.-') or 'picture'}{suffix}"
