"""Where pictures come from: folders, lists of files, and whatever fsspec opens (s3://, gs://, https://)."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from model.common.errors import VitrineError
from model.common.extras import require
from model.common.files import is_folder
from model.i18n.translations import gettext as _
from model.images.decoder import MAX_BYTES, InvalidImage
from model.images.image_files import is_hidden, is_picture, walk_pictures
from model.images.picture_bytes import read_file

_COLUMN = "file"  # of a list in CSV or Parquet
_LISTS = (".parquet", ".csv", ".txt")


class SourceError(VitrineError, ValueError):
    """A source of pictures that cannot be used; the message names it and says what would be right."""


def list_files(source: str) -> Iterator[str]:
    """Yield the paths or addresses of a source's pictures, as they are found.

    Args:
        source: A folder, an address that fsspec lists, or a list of files: .txt has one on each line, .csv and .parquet
            have them in the column `file`. What a list names without a leading slash lies beside the list.

    Raises:
        SourceError: There is no such source, or it is of another kind.
        NotInstalled: An address needs fsspec.
    """
    if is_list(source):
        yield from _listed(source)
    elif is_address(source):
        yield from _walk(source)
    elif is_folder(Path(source)):
        try:
            for folder, names in walk_pictures(Path(source).absolute()):
                yield from (str(folder / name) for name in names)
        except OSError as error:
            raise SourceError(
                _("{source} cannot be listed: {reason}").format(source=error.filename, reason=error.strerror)
            ) from error
    else:
        raise SourceError(
            _("{source} is no folder, and no list of files ({suffixes})").format(
                source=source, suffixes=", ".join(_LISTS)
            )
        )


def to_text(file: str) -> str:
    """Return a path as the text that tables hold: bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(file).decode("utf-8", "replace")


def absolute(source: str) -> str:
    """Return a source's address or absolute path, which means the same in every process."""
    return source if is_address(source) else str(Path(source).absolute())


def is_address(source: str) -> bool:
    """Return whether fsspec is to open it."""
    return "://" in source


def is_list(source: str) -> bool:
    """Return whether a source is a list of files."""
    return PurePosixPath(source).suffix.lower() in _LISTS


def read_bytes(file: str) -> bytes:
    """Return the bytes of a picture, by its path or address; of one that is too large, one byte more than the limit.

    Raises:
        InvalidImage: The file cannot be read.
    """
    if not is_address(file):
        if "\ufffd" in file and not os.access(file, os.F_OK):  # `to_text` made it so
            raise InvalidImage(_("The path of this file is no text in UTF-8; rename it, or the folder it lies in."))
        return read_file(Path(file))
    try:
        with _open(file) as opened:
            content: bytes = opened.read(MAX_BYTES + 1)
    except Exception as error:  # each file system of fsspec has errors of its own
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InvalidImage(_("This file cannot be read: {reason}.").format(reason=reason)) from error
    return content


def _open(file: str) -> Any:
    require("scale")
    import fsspec

    return fsspec.open(file, "rb") if is_address(file) else Path(file).open("rb")


def _walk(source: str) -> Iterator[str]:
    """Yield the pictures at and below an address, without hidden ones, by name."""
    require("scale")
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(source)
        for folder, folders, names in files.walk(root, on_error="raise", detail=True):
            folders_by_name = sorted(name for name in folders if not is_hidden(name))
            # fsspec goes down into what is left in this dictionary, in its order.
            kept = {name: folders[name] for name in folders_by_name}
            folders.clear()
            folders.update(kept)
            yield from (
                files.unstrip_protocol(f"{folder.rstrip('/')}/{name}") for name in sorted(names) if is_picture(name)
            )
    except Exception as error:
        raise SourceError(
            _("{source} cannot be listed: {reason}").format(source=source, reason=str(error).partition("\n")[0])
        ) from error


def _listed(source: str) -> Iterator[str]:
    """Yield the files that a list names."""
    beside = source.rpartition("/")[0] if is_address(source) else str(Path(source).absolute().parent)
    try:
        with _open(source) as file:
            for name in _READERS[PurePosixPath(source).suffix.lower()](file):
                yield name if is_address(name) or Path(name).is_absolute() else f"{beside}/{name}"
    except Exception as error:  # each file system of fsspec has errors of its own
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise SourceError(
            _("{source} is not read as a list of files: {reason}").format(source=source, reason=reason)
        ) from error


def _text_lines(file: IO[bytes]) -> Iterator[str]:
    for line in file:
        if name := line.decode("utf-8-sig").strip():
            yield name


def _csv_rows(file: IO[bytes]) -> Iterator[str]:
    rows = csv.DictReader(line.decode("utf-8-sig") for line in file)
    if _COLUMN not in (rows.fieldnames or ()):
        raise ValueError(_("it has no column {name!r}").format(name=_COLUMN))
    yield from (row[_COLUMN] for row in rows if row[_COLUMN])


def _parquet_rows(file: IO[bytes]) -> Iterator[str]:
    require("scale")
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file)
    if _COLUMN not in table.schema_arrow.names:
        raise ValueError(_("it has no column {name!r}").format(name=_COLUMN))
    for rows in table.iter_batches(columns=[_COLUMN]):
        yield from (name for name in rows[_COLUMN].to_pylist() if name)


_READERS = {".txt": _text_lines, ".csv": _csv_rows, ".parquet": _parquet_rows}
