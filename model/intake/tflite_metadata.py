"""Read a .tflite file's metadata: the normalization of pixels, and class names in the ZIP at its end.

The format is documented at https://ai.google.dev/edge/litert/models/metadata. It is parsed as untrusted data, with
every offset checked.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from dataclasses import dataclass, replace

from model.common.zip_listing import lists_at_most
from model.datasets.class_name_files import Names, parse_names
from model.i18n.translations import gettext as _
from model.intake.scaling_evidence import Finding, scaling_from_range
from model.signature.scaling import GUESSED, SCALINGS

_METADATA_NAME = b"TFLITE_METADATA"
_MAX_ENTRIES = 64  # graphs, tensors, processing steps and files, each
_MAX_METADATA = 4 * 2**20
_MAX_LABELS = 4 * 2**20
_MAX_MEMBERS = 256
_NORMALIZATION = 1  # type of a processing step
_LABEL_FILE_TYPES = (2, 3)  # types of associated files: labels of an axis, or of values


@dataclass(frozen=True)
class Metadata:
    """The normalization of the first input (one value, or one per channel) and the label files of the output."""

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    files: tuple[str, ...] = ()


class _Table:
    """A FlatBuffers table; reading outside the buffer raises ValueError."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content, self.place = content, place

    def number(self, layout: str, place: int) -> float:
        """Read a number at a position."""
        if not 0 <= place <= len(self.content) - struct.calcsize(layout):
            raise ValueError("outside the file")
        value: float = struct.unpack_from(layout, self.content, place)[0]
        return value

    def whole(self, layout: str, place: int) -> int:
        """Read an integer at a position."""
        return int(self.number(layout, place))

    def field(self, slot: int) -> int | None:
        """Return the position of a field's value; None if the table lacks it."""
        listed = self.place - self.whole("<i", self.place)
        if 6 + 2 * slot > self.whole("<H", listed):
            return None
        offset = self.whole("<H", listed + 4 + 2 * slot)
        return self.place + offset if offset else None

    def value(self, slot: int, layout: str = "<B") -> int:
        """Return an integer field; 0 if the table lacks it."""
        place = self.field(slot)
        return 0 if place is None else self.whole(layout, place)

    def table(self, slot: int) -> _Table | None:
        """Return a table field; None if the table lacks it."""
        place = self.field(slot)
        return None if place is None else _Table(self.content, place + self.whole("<I", place))

    def vector(self, slot: int) -> range:
        """Return the positions of a vector's four-byte entries."""
        place = self.field(slot)
        if place is None:
            return range(0)
        start = place + self.whole("<I", place)
        return range(start + 4, start + 4 + 4 * self.whole("<I", start), 4)

    def tables(self, slot: int) -> list[_Table]:
        """Return a vector of tables."""
        return [_Table(self.content, place + self.whole("<I", place)) for place in self.vector(slot)[:_MAX_ENTRIES]]

    def numbers(self, slot: int) -> tuple[float, ...]:
        """Return a vector of floats."""
        return tuple(self.number("<f", place) for place in self.vector(slot)[:_MAX_ENTRIES])

    def data(self, slot: int, limit: int) -> bytes:
        """Return a string, or a vector of bytes."""
        place = self.field(slot)
        if place is None:
            return b""
        start = place + self.whole("<I", place)
        length = self.whole("<I", start)
        if length > min(limit, len(self.content) - start - 4):
            raise ValueError("outside the file")
        return self.content[start + 4 : start + 4 + length]


def _root_table(content: bytes) -> _Table:
    start = _Table(content, 0)
    return _Table(content, start.whole("<I", 0))


def read_metadata(content: bytes) -> Metadata:
    """Read the metadata in a .tflite file; empty if it is missing or damaged."""
    try:
        model = _root_table(content)
        for entry in model.tables(6):
            if entry.data(0, 100) == _METADATA_NAME:
                described = _read_buffer(model, entry.value(1, "<I"))
                return _read_description(_root_table(described))
    except (ValueError, OverflowError):
        pass
    return Metadata()


def _read_buffer(model: _Table, number: int) -> bytes:
    places = model.vector(4)
    if number >= len(places):
        raise ValueError("no such buffer")
    place = places[number]
    buffer = _Table(model.content, place + model.whole("<I", place))
    offset, size = buffer.value(1, "<Q"), buffer.value(2, "<Q")
    if offset > 1:  # large files store their buffers after the FlatBuffer
        if size > min(_MAX_METADATA, len(model.content) - offset):
            raise ValueError("outside the file")
        return model.content[offset : offset + size]
    return buffer.data(0, _MAX_METADATA)


def _read_description(metadata: _Table) -> Metadata:
    graph = next(iter(metadata.tables(3)), None)
    given = next(iter(graph.tables(2)), None) if graph else None
    results = graph.tables(3)[:1] if graph else []
    files = [file for result in results for file in result.tables(6) if file.value(2) in _LABEL_FILE_TYPES]
    # Label files in several languages have a locale; those without one come first.
    files.sort(key=lambda file: file.data(3, 100))
    names = tuple(file.data(0, 255).decode("utf-8", "replace") for file in files)
    for step in given.tables(4) if given else []:
        options = step.table(1)
        if step.value(0) == _NORMALIZATION and options:
            return Metadata(options.numbers(0), options.numbers(1), names)
    return Metadata(files=names)


def scaling_from_metadata(metadata: Metadata) -> Finding | None:
    """Return the scaling of a normalization (pixel - mean) / std; None if there is no usable one."""
    mean, std = metadata.mean, metadata.std
    if not mean or len(mean) not in (1, 3) or len(std) not in (1, len(mean)):
        return None
    if not all(abs(value) < 1e6 for value in mean) or not all(1e-6 < value < 1e6 for value in std):
        return None
    stds = std * len(mean) if len(std) == 1 else std
    low = min(-m / s for m, s in zip(mean, stds, strict=True))
    high = max((255 - m) / s for m, s in zip(mean, stds, strict=True))
    shown = ["/".join(f"{value:.5g}" for value in values) for values in (mean, std)]
    why = _("its metadata says mean {mean} and deviation {std}").format(mean=shown[0], std=shown[1])
    found = scaling_from_range(low, high, why, 0.05)
    offsets = [-m / s for m, s in zip(mean, stds, strict=True)]
    own = SCALINGS[found.scaling].offset
    if len(mean) == 3 and math.dist(offsets[::-1], own) < math.dist(offsets, own):
        return replace(found, source=GUESSED)  # a range fits, but with the channels the other way round
    return found


def read_labels(content: bytes, metadata: Metadata) -> Names:
    """Read the class names in the ZIP at the end of a .tflite file; empty if there are none.

    If the metadata does not name the file, the only text file is used.
    """
    if not lists_at_most(io.BytesIO(content), _MAX_MEMBERS):
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = [name for name in archive.namelist() if name.endswith(".txt")]
            name = next((name for name in metadata.files if name in archive.namelist()), None)
            if name is None and len(texts) == 1:
                name = texts[0]
            if name is None or archive.getinfo(name).file_size > _MAX_LABELS:
                return []
            with archive.open(name) as file:
                return parse_names(file.read(_MAX_LABELS + 1), name)
    except Exception:  # zipfile and zlib raise nearly anything on malicious files
        return []
