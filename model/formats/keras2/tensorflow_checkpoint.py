"""Read the values in a TensorFlow checkpoint as bytes: a table of names (.index) and the values (.data-...).

Nothing here imports TensorFlow. Everything an untrusted checkpoint claims is checked against the bytes it has. Damaged
files raise ValueError, IndexError or struct.error.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

_TABLE_END = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
_FOOTER = 48  # bytes at the end of a table: the position of its index, and _TABLE_END
_TRAILER = 5  # bytes after a block: its compression type and its checksum
_MAX_ENTRIES = 100_000
_MAX_KEY = 1024
_OBJECT_GRAPH_KEY = b"_CHECKPOINTABLE_OBJECT_GRAPH"
_STRING_TYPE = 7
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "|u1", 5: "<i2", 6: "|i1", 9: "<i8", 10: "|b1", 19: "<f2"}


class Checkpoint:
    """A checkpoint with one .data file, and the objects that its values belong to."""

    def __init__(self, index: bytes, data: bytes) -> None:
        self.data = data
        self.table = _read_table(index)
        header = protobuf_dict(self.table[b""]) if b"" in self.table else {}
        if header.get(1, 0) != 1 or header.get(2, 0) != 0:
            raise ValueError("more than one file, or numbers with the highest byte first")
        self.objects = [node for field, node in protobuf_fields(self.read_text(_OBJECT_GRAPH_KEY)) if field == 1]

    def children(self, node: int) -> dict[str, int]:
        """Return the objects inside an object by name."""
        found = {}
        for field, message in protobuf_fields(self.objects[node]):
            if field == 1:
                child = protobuf_dict(message)
                found[child[2].decode()] = child.get(1, 0)
        return found

    def items(self, node: int | None) -> list[int]:
        """Return the objects in a list, in order; none for None."""
        members = {} if node is None else self.children(node)
        return [members[key] for key in sorted((key for key in members if key.isdecimal()), key=int)]

    def read_variable(self, node: int) -> np.ndarray:
        """Return the values of a variable."""
        attributes = [protobuf_dict(message) for field, message in protobuf_fields(self.objects[node]) if field == 2]
        (key,) = (attribute[3] for attribute in attributes if attribute[1] == b"VARIABLE_VALUE")
        kind, shape, offset, size = self.entry(key)
        count = math.prod(shape)
        if count * np.dtype(_DTYPES[kind]).itemsize != size:
            raise ValueError("a variable has another size than its shape needs")
        return np.frombuffer(self.data, _DTYPES[kind], count, offset).reshape(shape)

    def read_text(self, key: bytes) -> bytes:
        """Return a single string, which is stored after its length and the checksum of that."""
        kind, shape, offset, size = self.entry(key)
        length, start = _read_varint(self.data, offset)
        if kind != _STRING_TYPE or shape or start + 4 + length != offset + size:
            raise ValueError("no single text")
        return self.data[start + 4 : offset + size]

    def entry(self, key: bytes) -> tuple[int, tuple[int, ...], int, int]:
        """Return the dtype number, the shape, the offset and the size (bytes) of an entry, all checked."""
        if key not in self.table:
            raise ValueError("a variable without numbers")
        found = protobuf_dict(self.table[key])
        kind, offset, size = found.get(1, 0), found.get(4, 0), found.get(5, 0)
        if found.get(3, 0) != 0 or 7 in found or offset + size > len(self.data):
            raise ValueError("numbers in pieces, or beyond the end")
        sides = [protobuf_dict(side).get(1, 0) for field, side in protobuf_fields(found.get(2, b"")) if field == 2]
        return kind, tuple(sides), offset, size


def _read_table(content: bytes) -> dict[bytes, bytes]:
    """Read all entries of a table in the format of TensorFlow and LevelDB."""
    if len(content) < _FOOTER or not content.endswith(_TABLE_END):
        raise ValueError("the end of the table is missing")
    footer = content[-_FOOTER:]
    at = 0
    for _ in range(2):  # the position of an optional second index
        _, at = _read_varint(footer, at)
    table: dict[bytes, bytes] = {}
    count = 0
    for _, handle in _read_block(content, footer[at:]):
        for key, value in _read_block(content, handle):
            table[key] = value
            count += 1
            if count > _MAX_ENTRIES:
                raise ValueError("too many entries")
    return table


def _read_block(content: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of a block, in which each key is stored as its difference from the one before."""
    offset, at = _read_varint(handle, 0)
    size, _ = _read_varint(handle, at)
    end = offset + size
    if end + _TRAILER > len(content) or content[end] != 0:
        raise ValueError("a block is cut off or packed")
    part = content[offset:end]
    (restarts,) = struct.unpack("<I", part[-4:])
    stop, at, key = size - 4 - 4 * restarts, 0, b""
    while at < stop:
        shared, at = _read_varint(part, at)
        more, at = _read_varint(part, at)
        length, at = _read_varint(part, at)
        if at + more + length > stop or shared > len(key) or shared + more > _MAX_KEY:
            raise ValueError("an entry is cut off")
        key = key[:shared] + part[at : at + more]
        yield key, part[at + more : at + more + length]
        at += more + length


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    """Return a varint of up to ten bytes, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number is too long")


def protobuf_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the number and the value (int or bytes) of each field of a protocol buffer."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _read_varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _read_varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("an unknown kind of field")
        if at + size > len(message):
            raise ValueError("a field is cut off")
        yield tag >> 3, message[at : at + size]
        at += size


def protobuf_dict(message: bytes) -> dict[int, Any]:
    """Return the fields of a protocol buffer by number; the last one if a number repeats."""
    return dict(protobuf_fields(message))
