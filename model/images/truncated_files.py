"""Decide what can still be shown of an incomplete file: the missing part is measured, not guessed."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import takewhile

import numpy as np
from PIL import Image, ImageChops

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The ancillary PNG chunks that change how pixels look. Programs write megabytes of the others.
_ANCILLARY = 0x20  # this bit of the first letter marks a chunk as ancillary
_KEPT_CHUNKS = (b"tRNS", b"eXIf", b"iCCP")
_MAX_PROFILE = 2**20  # bytes of a colour profile once unpacked; Pillow's own limit

JPEG_START = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"  # end-of-image marker
_JPEG_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # without the markers inside a scan
_LONE_MARKERS = b"\x01\xd8"  # markers that no segment follows
_SCAN_MARKER = 0xDA
_COEFFICIENTS = 64  # per block
MAX_SEGMENTS = 10_000  # a colour profile or a strip of thumbnails takes hundreds
_TILE_TAGS = (273, 324)  # of a TIFF: where its strips or tiles begin
MAX_TILES = 100_000  # of a TIFF; each costs time. One strip per row is far fewer
MAX_SCANS = 200  # a progressive JPEG has about ten
# Decodes to noise, unlike the plain blocks that a decoder puts where a file is cut off.
_FILLER = bytes((7 * number * number + 3 * number) % 251 for number in range(2**16))
_MEASURED_SIDE = 512  # pixels; enough for the shorter side to measure


def strip_metadata(content: bytes) -> bytes:
    """Remove the chunks of a PNG that do not change its picture or that are damaged.

    They then need not be unpacked, and a wrong checksum in them does no harm.
    """
    kept, start, position = [PNG_SIGNATURE], len(PNG_SIGNATURE), len(PNG_SIGNATURE)
    once = set(_KEPT_CHUNKS)  # a PNG has one of each; a file with thousands must not cost more
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + length + 12
        if end > len(content) and not kind[0] & _ANCILLARY:
            break  # the pixels are cut off; the decoder decides whether the rest is enough
        is_first = kind in once
        once.discard(kind)
        if kind[0] & _ANCILLARY and not (is_first and _is_valid_chunk(kind, content[position + 8 : end])):
            kept.append(content[start:position])
            start = min(end, len(content))
        position = end
        if kind == b"IEND":
            break
    return b"".join([*kept, content[start:]]) if len(kept) > 1 else content


def _is_valid_chunk(kind: bytes, rest: bytes) -> bool:
    """Return whether a chunk's checksum is right and, for a colour profile, its unpacked size acceptable.

    Args:
        kind: The four letters of the chunk type.
        rest: The chunk's content and checksum.
    """
    content, checksum = rest[:-4], rest[-4:]
    if zlib.crc32(kind + content) != int.from_bytes(checksum, "big"):
        return False
    if kind != b"iCCP":
        return True
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(content.partition(b"\0")[2][1:], _MAX_PROFILE)
    except zlib.error:
        return False
    return not unpacker.unconsumed_tail


def missing_fraction(content: bytes) -> float:
    """Measure which fraction of a truncated JPEG's picture is missing: 0 to 1.

    The file is decoded twice, the second time with noise appended; pixels that are equal both times were in the file. A
    progressive JPEG that lacks details everywhere counts as 1. Raises whatever Pillow's decoder raises.
    """
    if not has_all_scans(content):
        return 1.0
    plain, other = (_decode_small(content + tail + JPEG_END) for tail in (b"", _FILLER))
    difference = np.asarray(ImageChops.difference(plain, other)).reshape(plain.height, plain.width, -1)
    changed = difference.max(axis=2) > 0
    first = np.where(changed.any(axis=1), changed.argmax(axis=1), plain.width)
    return float(1 - np.minimum.accumulate(first).mean() / plain.width)


def _decode_small(content: bytes) -> Image.Image:
    """Decode a JPEG at about _MEASURED_SIDE pixels, so that a large one needs little memory."""
    image = Image.open(io.BytesIO(content), formats=["JPEG"])
    image.draft(None, (_MEASURED_SIDE, _MEASURED_SIDE))
    image.load()
    return image


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and content of a JPEG's segments, at most MAX_SEGMENTS, up to the end of its first picture."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        found = _JPEG_MARKER.search(content, position)
        if not found or found[1] == JPEG_END[1:]:
            return
        position = found.end()
        length = 0 if found[1][0] in _LONE_MARKERS else int.from_bytes(content[position : position + 2], "big")
        yield found[1][0], content[position + 2 : position + length]
        position += length


def has_too_many_parts(content: bytes) -> bool:
    """Return whether a JPEG has far more segments or scans than any program writes, each of which costs time."""
    before = takewhile(lambda one: one[0] != _SCAN_MARKER, _segments(content))
    if sum(1 for _ in before) >= MAX_SEGMENTS:
        return True
    may_have = content.count(bytes([0xFF, _SCAN_MARKER])) > MAX_SCANS  # also counts what follows the picture
    return may_have and sum(marker == _SCAN_MARKER for marker, _ in _segments(content)) > MAX_SCANS


def has_too_many_tiles(content: bytes) -> bool:
    """Return whether a TIFF's first picture is in far more pieces than any program writes, each of which costs time.

    Pillow makes an object of each before anybody can count them, and a piece takes but a byte of the file.
    """
    order = ">" if content.startswith(b"MM") else "<"
    is_big = content[2:3] == b"+"  # as Pillow tells them apart
    head, number, entry = ("Q", "Q", "HHQ8x") if is_big else ("L", "H", "HHL4x")
    size = struct.calcsize(order + entry)
    try:
        (start,) = struct.unpack_from(order + head, content, 8 if is_big else 4)
        (count,) = struct.unpack_from(order + number, content, start)
        first = start + struct.calcsize(order + number)
        for place in range(min(count, (len(content) - first) // size)):
            tag, _kind, pieces = struct.unpack_from(order + entry, content, first + place * size)
            if tag in _TILE_TAGS and pieces > MAX_TILES:
                return True
    except struct.error:  # cut off
        pass
    return False


def has_all_scans(content: bytes) -> bool:
    """Return whether every coefficient of every component is in a scan: a progressive JPEG has about ten scans."""
    sent: dict[int, set[int]] = {}
    components = 1
    for marker, segment in _segments(content):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(segment) > 5:
            components = segment[5]
        elif marker == _SCAN_MARKER and segment:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count].ljust(3, b"\xff")
            if bits & 15 == 0:  # no later scan refines these
                for component in segment[1 : 1 + 2 * count : 2]:
                    sent.setdefault(component, set()).update(range(first, min(last + 1, _COEFFICIENTS)))
    return len(sent) == components and all(len(which) == _COEFFICIENTS for which in sent.values())
