"""The numbers in a checkpoint of TensorFlow, read as bytes: a table of names (.index) and the numbers (.data-...).

Nothing here imports TensorFlow. What a stranger's checkpoint claims is held against the bytes that are there.
Damaged bytes raise ValueError, IndexError or struct.error.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

TABLE_END = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
FOOTER = 48  # bytes at the end of a table: where its index is, and TABLE_END
TRAILER = 5  # bytes after a block: how it is packed, and its checksum
MAX_ENTRIES = 100_000
MAX_KEY = 1024
OBJECTS = b"_CHECKPOINTABLE_OBJECT_GRAPH"
TEXT = 7
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "|u1", 5: "<i2", 6: "|i1", 9: "<i8", 10: "|b1", 19: "<f2"}


class Checkpoint:
    """A checkpoint of one .data file, with the objects that its numbers belong to."""

    def __init__(self, index: bytes, data: bytes) -> None:
        self.data = data
        self.table = read_table(index)
        header = as_dict(self.table[b""]) if b"" in self.table else {}
        if header.get(1, 0) != 1 or header.get(2, 0) != 0:
            raise ValueError("more than one file, or numbers with the highest byte first")
        self.objects = [node for field, node in fields(self.read_text(OBJECTS)) if field == 1]

    def children(self, node: int) -> dict[str, int]:
        """The objects of an object by their names in it."""
        found = {}
        for field, message in fields(self.objects[node]):
            if field == 1:
                child = as_dict(message)
                found[child[2].decode()] = child.get(1, 0)
        return found

    def items(self, node: int | None) -> list[int]:
        """The objects of a list in its order; none of no list."""
        members = {} if node is None else self.children(node)
        return [members[key] for key in sorted((key for key in members if key.isdecimal()), key=int)]

    def read_variable(self, node: int) -> np.ndarray:
        """The numbers of an object that is a variable."""
        attributes = [as_dict(message) for field, message in fields(self.objects[node]) if field == 2]
        (key,) = (attribute[3] for attribute in attributes if attribute[1] == b"VARIABLE_VALUE")
        kind, shape, offset, size = self.entry(key)
        count = math.prod(shape)
        if count * np.dtype(DTYPES[kind]).itemsize != size:
            raise ValueError("a variable has another size than its shape needs")
        return np.frombuffer(self.data, DTYPES[kind], count, offset).reshape(shape)

    def read_text(self, key: bytes) -> bytes:
        """A single text: how long it is, a checksum of that, and itself."""
        kind, shape, offset, size = self.entry(key)
        length, start = varint(self.data, offset)
        if kind != TEXT or shape or start + 4 + length != offset + size:
            raise ValueError("no single text")
        return self.data[start + 4 : offset + size]

    def entry(self, key: bytes) -> tuple[int, tuple[int, ...], int, int]:
        """Kind of number, shape, and the place and size of its bytes, all of which are there."""
        if key not in self.table:
            raise ValueError("a variable without numbers")
        found = as_dict(self.table[key])
        kind, offset, size = found.get(1, 0), found.get(4, 0), found.get(5, 0)
        if found.get(3, 0) != 0 or 7 in found or offset + size > len(self.data):
            raise ValueError("numbers in pieces, or beyond the end")
        sides = [as_dict(side).get(1, 0) for field, side in fields(found.get(2, b"")) if field == 2]
        return kind, tuple(sides), offset, size


def read_table(content: bytes) -> dict[bytes, bytes]:
    """All entries of a table, as TensorFlow and LevelDB write them."""
    if len(content) < FOOTER or not content.endswith(TABLE_END):
        raise ValueError("the end of the table is missing")
    footer = content[-FOOTER:]
    at = 0
    for _ in range(2):  # where a second index would be, which is empty
        _, at = varint(footer, at)
    table: dict[bytes, bytes] = {}
    count = 0
    for _, handle in block(content, footer[at:]):
        for key, value in block(content, handle):
            table[key] = value
            count += 1
            if count > MAX_ENTRIES:
                raise ValueError("too many entries")
    return table


def block(content: bytes, handle: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a block. Of a key only what differs from the key before it is written."""
    offset, at = varint(handle, 0)
    size, _ = varint(handle, at)
    end = offset + size
    if end + TRAILER > len(content) or content[end] != 0:
        raise ValueError("a block is cut off or packed")
    part = content[offset:end]
    (restarts,) = struct.unpack("<I", part[-4:])
    stop, at, key = size - 4 - 4 * restarts, 0, b""
    while at < stop:
        shared, at = varint(part, at)
        more, at = varint(part, at)
        length, at = varint(part, at)
        if at + more + length > stop or shared > len(key) or shared + more > MAX_KEY:
            raise ValueError("an entry is cut off")
        key = key[:shared] + part[at : at + more]
        yield key, part[at + more : at + more + length]
        at += more + length


def varint(content: bytes, at: int) -> tuple[int, int]:
    """A whole number of up to ten bytes, seven bits each, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number is too long")


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protocol buffer in order: each one's number, and an int or bytes."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("an unknown kind of field")
        if at + size > len(message):
            raise ValueError("a field is cut off")
        yield tag >> 3, message[at : at + size]
        at += size


def as_dict(message: bytes) -> dict[int, Any]:
    """The fields of a protocol buffer by their numbers; of one that comes again, the last."""
    return dict(fields(message))
