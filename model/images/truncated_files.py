"""What can still be shown of a picture's file that is not whole: what is missing is measured, never guessed."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import takewhile

import numpy as np
from PIL import Image, ImageChops

PNG = b"\x89PNG\r\n\x1a\n"
# Of what a PNG says beside its pixels, these change how they look. Programs write megabytes of the rest.
ANCILLARY = 0x20  # the bit of a chunk's first letter that says so
KEPT = (b"tRNS", b"eXIf", b"iCCP")
MAX_PROFILE = 2**20  # bytes of a colour profile, unpacked; Pillow takes no more

JPEG_START = b"\xff\xd8\xff"
END = b"\xff\xd9"  # the marker that ends a JPEG
MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # other than those inside a scan
ALONE = b"\x01\xd8"  # markers without a segment
SCAN = 0xDA
COEFFICIENTS = 64  # of a block
MOST_SEGMENTS = 10_000  # of a JPEG; a colour profile or a film strip of thumbnails makes hundreds
MOST_SCANS = 200  # programs write about ten
# Decodes to noise, and so to anything but the plain blocks that stand where a file ends too soon.
FILLER = bytes((7 * number * number + 3 * number) % 251 for number in range(2**16))
MEASURED = 512  # pixels of the shorter side that are enough to measure


def without_metadata(content: bytes) -> bytes:
    """A PNG without texts, animation and whatever else does not change its picture, or that is damaged.

    Such chunks need not be unpacked, and a wrong checksum in one harms no pixel.
    """
    kept, start, place = [PNG], len(PNG), len(PNG)
    once = set(KEPT)  # a picture has one of each, and a file that has thousands is to cost no more than that
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = place + length + 12
        if end > len(content) and not kind[0] & ANCILLARY:
            break  # pixels are cut off: the decoder says whether the rest is enough
        is_first = kind in once
        once.discard(kind)
        if kind[0] & ANCILLARY and not (is_first and is_sound(kind, content[place + 8 : end])):
            kept.append(content[start:place])
            start = min(end, len(content))
        place = end
        if kind == b"IEND":
            break
    return b"".join([*kept, content[start:]]) if len(kept) > 1 else content


def is_sound(kind: bytes, rest: bytes) -> bool:
    """Whether a chunk's checksum is right and, of a colour profile, that it is not huge. rest: content and checksum."""
    content, checksum = rest[:-4], rest[-4:]
    if zlib.crc32(kind + content) != int.from_bytes(checksum, "big"):
        return False
    if kind != b"iCCP":
        return True
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(content.partition(b"\0")[2][1:], MAX_PROFILE)
    except zlib.error:
        return False
    return not unpacker.unconsumed_tail


def share_missing(content: bytes) -> float:
    """Which part of a JPEG's picture is not in a file that was cut off, 0 to 1; 1 where details are missing everywhere.

    The file is decoded twice, with noise behind it the second time: what comes out the same both times was in the
    file. Raises whatever Pillow's decoder does.
    """
    if not has_all_scans(content):
        return 1.0
    plain, other = (small(content + tail + END) for tail in (b"", FILLER))
    difference = np.asarray(ImageChops.difference(plain, other)).reshape(plain.height, plain.width, -1)
    changed = difference.max(axis=2) > 0
    first = np.where(changed.any(axis=1), changed.argmax(axis=1), plain.width)
    return float(1 - np.minimum.accumulate(first).mean() / plain.width)


def small(content: bytes) -> Image.Image:
    """A JPEG decoded at about MEASURED pixels, so that even a large one needs little memory."""
    image = Image.open(io.BytesIO(content), formats=["JPEG"])
    image.draft(None, (MEASURED, MEASURED))
    image.load()
    return image


def segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """A JPEG's segments, MOST_SEGMENTS at most, up to the end of its first picture: marker and content of each."""
    place = 2
    for _ in range(MOST_SEGMENTS):
        found = MARKER.search(content, place)
        if not found or found[1] == END[1:]:
            return
        place = found.end()
        length = 0 if found[1][0] in ALONE else int.from_bytes(content[place : place + 2], "big")
        yield found[1][0], content[place + 2 : place + length]
        place += length


def has_too_many_parts(content: bytes) -> bool:
    """Whether a JPEG has far more segments or scans than programs write: each costs time, and its pixels are few."""
    before = takewhile(lambda one: one[0] != SCAN, segments(content))
    if sum(1 for _ in before) >= MOST_SEGMENTS:
        return True
    may_have = content.count(bytes([0xFF, SCAN])) > MOST_SCANS  # what stands behind the picture counts here, too
    return may_have and sum(marker == SCAN for marker, _ in segments(content)) > MOST_SCANS


def has_all_scans(content: bytes) -> bool:
    """Whether each coefficient of each component is in a scan that has begun: a progressive JPEG has about ten."""
    sent: dict[int, set[int]] = {}
    components = 1
    for marker, segment in segments(content):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(segment) > 5:
            components = segment[5]
        elif marker == SCAN and segment:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count].ljust(3, b"\xff")
            if bits & 15 == 0:  # no bit of these is left for a later scan
                for component in segment[1 : 1 + 2 * count : 2]:
                    sent.setdefault(component, set()).update(range(first, min(last + 1, COEFFICIENTS)))
    return len(sent) == components and all(len(which) == COEFFICIENTS for which in sent.values())
