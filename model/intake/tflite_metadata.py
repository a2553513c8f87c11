"""What a .tflite file says of itself: how pixels are normalised, and the names of its classes in the ZIP at its end.

The format is https://ai.google.dev/edge/litert/models/metadata; it is read as a stranger's data, place by place, within
the bytes that there are.
"""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass

from model.datasets.class_name_files import Names, parse_names
from model.i18n.translations import gettext as _
from model.intake.scaling_evidence import Finding, by_range

NAME = b"TFLITE_METADATA"
MOST = 64  # of graphs, tensors, processing steps and files each
MAX_METADATA = 4 * 2**20
MAX_LABELS = 4 * 2**20
MAX_MEMBERS = 256
NORMALIZATION = 1  # the kind of a processing step
LABELS = (2, 3)  # kinds of an associated file: a name for each place of an axis, or for each value
END, END64 = b"PK\x05\x06", b"PK\x06\x07"


@dataclass(frozen=True)
class Metadata:
    """mean and std: of the first input's normalisation, one number or one a channel; files: of the output's labels."""

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    files: tuple[str, ...] = ()


class Table:
    """A FlatBuffer's table, or any place in one: reading outside the bytes raises ValueError."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content, self.place = content, place

    def number(self, layout: str, place: int) -> float:
        if not 0 <= place <= len(self.content) - struct.calcsize(layout):
            raise ValueError("outside the file")
        value: float = struct.unpack_from(layout, self.content, place)[0]
        return value

    def whole(self, layout: str, place: int) -> int:
        return int(self.number(layout, place))

    def field(self, slot: int) -> int | None:
        """The place of a field's value, or None where the table lacks it."""
        listed = self.place - self.whole("<i", self.place)
        if 6 + 2 * slot > self.whole("<H", listed):
            return None
        offset = self.whole("<H", listed + 4 + 2 * slot)
        return self.place + offset if offset else None

    def value(self, slot: int, layout: str = "<B") -> int:
        place = self.field(slot)
        return 0 if place is None else self.whole(layout, place)

    def table(self, slot: int) -> Table | None:
        place = self.field(slot)
        return None if place is None else Table(self.content, place + self.whole("<I", place))

    def vector(self, slot: int) -> range:
        """The places of a vector's entries of four bytes."""
        place = self.field(slot)
        if place is None:
            return range(0)
        start = place + self.whole("<I", place)
        return range(start + 4, start + 4 + 4 * self.whole("<I", start), 4)

    def tables(self, slot: int) -> list[Table]:
        return [Table(self.content, place + self.whole("<I", place)) for place in self.vector(slot)[:MOST]]

    def numbers(self, slot: int) -> tuple[float, ...]:
        return tuple(self.number("<f", place) for place in self.vector(slot)[:MOST])

    def data(self, slot: int, limit: int) -> bytes:
        """A string or a vector of bytes."""
        place = self.field(slot)
        if place is None:
            return b""
        start = place + self.whole("<I", place)
        length = self.whole("<I", start)
        if length > min(limit, len(self.content) - start - 4):
            raise ValueError("outside the file")
        return self.content[start + 4 : start + 4 + length]


def root(content: bytes) -> Table:
    start = Table(content, 0)
    return Table(content, start.whole("<I", 0))


def read_metadata(content: bytes) -> Metadata:
    """What a .tflite file's bytes say of its picture and its classes; nothing where they are silent or damaged."""
    try:
        model = root(content)
        for entry in model.tables(6):
            if entry.data(0, 100) == NAME:
                described = buffer_of(model, entry.value(1, "<I"))
                return read_description(root(described))
    except (ValueError, OverflowError):
        pass
    return Metadata()


def buffer_of(model: Table, number: int) -> bytes:
    places = model.vector(4)
    if number >= len(places):
        raise ValueError("no such buffer")
    place = places[number]
    buffer = Table(model.content, place + model.whole("<I", place))
    offset, size = buffer.value(1, "<Q"), buffer.value(2, "<Q")
    if offset > 1:  # of a file so large that its buffers lie behind it
        if size > min(MAX_METADATA, len(model.content) - offset):
            raise ValueError("outside the file")
        return model.content[offset : offset + size]
    return buffer.data(0, MAX_METADATA)


def read_description(metadata: Table) -> Metadata:
    graph = next(iter(metadata.tables(3)), None)
    given = next(iter(graph.tables(2)), None) if graph else None
    results = graph.tables(3)[:1] if graph else []
    files = [file for result in results for file in result.tables(6) if file.value(2) in LABELS]
    # Names in several languages are told apart by a locale; those without one come first.
    files.sort(key=lambda file: file.data(3, 100))
    names = tuple(file.data(0, 255).decode("utf-8", "replace") for file in files)
    for step in given.tables(4) if given else []:
        options = step.table(1)
        if step.value(0) == NORMALIZATION and options:
            return Metadata(options.numbers(0), options.numbers(1), names)
    return Metadata(files=names)


def by_metadata(metadata: Metadata) -> Finding | None:
    """The convention of a normalisation (pixel - mean) / std, or None where there is none that can be used."""
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
    return by_range(low, high, why, 0.05)


def read_labels(content: bytes, metadata: Metadata) -> Names:
    """The classes' names in the ZIP at a .tflite file's end; none where there is none that can be read.

    Without a word in the metadata, the one text file that is there is taken.
    """
    if not has_small_zip(content):
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = [name for name in archive.namelist() if name.endswith(".txt")]
            name = next((name for name in metadata.files if name in archive.namelist()), None)
            if name is None and len(texts) == 1:
                name = texts[0]
            if name is None or archive.getinfo(name).file_size > MAX_LABELS:
                return []
            with archive.open(name) as file:
                return parse_names(file.read(MAX_LABELS + 1), name)
    except Exception:  # zipfile and zlib raise nearly anything on hostile bytes
        return []


def has_small_zip(content: bytes) -> bool:
    """Whether the bytes end in a ZIP of few members: reading a list of millions would take minutes."""
    end = content.rfind(END, max(0, len(content) - 2**16 - 22))
    if end < 0 or len(content) < end + 22 or content[max(0, end - 20) : end].startswith(END64):
        return False
    members, size = struct.unpack_from("<HI", content, end + 10)
    return int(members) <= MAX_MEMBERS and int(size) <= MAX_MEMBERS * 1024
