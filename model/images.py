"""Bytes from outside -> an upright RGB picture -> the square uint8 array that a network sees."""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from model.language import decimal, marked
from model.language import gettext as _

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
TILE_PIXELS = 2**18  # worked on at once where numbers need more memory than the picture does
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "GIF", "TIFF")
TAKEN = marked("PNG, JPEG, WebP, AVIF, BMP, GIF and TIFF pictures are taken")

# What people drop by mistake, by its first bytes.
LOOKALIKES = (
    (b"%PDF", marked("a PDF")),
    (b"<svg", marked("an SVG drawing")),
    (b"<!doctype html", marked("a web page")),
    (b"<html", marked("a web page")),
    (b"<?xml", marked("an XML file")),
    (b"PK\x03\x04", marked("a ZIP archive or an office document")),
    (b"\x1f\x8b", marked("a gzip archive")),
    (b"\x7fELF", marked("a program")),
    (b"MZ", marked("a program")),
    (b"\x89HDF", marked("an HDF5 file")),
    (b"SQLite format 3", marked("a SQLite database")),
)

# More decoders than cores are not faster together, and each may hold a picture of 50 million pixels.
DECODERS = threading.BoundedSemaphore(os.cpu_count() or 2)
Made = TypeVar("Made")

# Pillow warns of sizes that `open_checked` refuses anyway. Once and for all: filters are shared by all threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class InvalidImage(ValueError):
    """Bytes that cannot be shown to a network; the message is a sentence for people."""


def read_image(content: bytes, at_least: int = 0) -> Image.Image:
    """Decode a picture: first frame, upright, RGB with transparency laid over white.

    at_least: pixels that the shorter side will be needed at. A JPEG much larger than that is decoded at a half, a
    quarter or an eighth of its size; 0 decodes at full size. Raises InvalidImage.
    """
    return made_of(content, lambda image: image, at_least)


def made_of(content: bytes, make: Callable[[Image.Image], Made], at_least: int = 0) -> Made:
    """What `make` makes of a picture that is decoded as by `read_image`, for those who then need it no more.

    No more pictures than DECODERS has places are held in full at the same time; `make` must not decode another.
    Raises InvalidImage.
    """
    with DECODERS:
        return make(decode(content, at_least))


def decode(content: bytes, at_least: int) -> Image.Image:
    image = open_checked(content)
    if at_least and image.format == "JPEG":
        # Twice the size wanted: what remains is reduced by an antialiased filter, not by the decoder alone.
        image.draft(None, (2 * at_least, 2 * at_least))
    try:
        image.seek(0)
        image.load()
        return to_rgb(upright(image))
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        raise InvalidImage(
            _("This {format} picture is damaged or cut off and cannot be read.").format(format=image.format)
        ) from error


def open_checked(content: bytes) -> Image.Image:
    """Open without decoding and hold the limits: bytes, format by content, pixels. Raises InvalidImage."""
    if not content:
        raise InvalidImage(_("This file is empty."))
    if len(content) > MAX_BYTES:
        raise InvalidImage(
            _("This file has {size} MB; pictures can have up to {limit} MB.").format(
                size=decimal(len(content) / 2**20), limit=MAX_BYTES // 2**20
            )
        )
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidImage(
            _("This picture claims far more pixels than the {number} million that are taken.").format(
                number=MAX_PIXELS // 10**6
            )
        ) from None
    except Exception as error:  # Pillow's parsers raise nearly anything on hostile bytes
        raise InvalidImage(
            _("This file is not an image: {guess}. {taken}.").format(guess=looks_like(content), taken=_(TAKEN))
        ) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidImage(
            _("This picture has {width:,} x {height:,} pixels; up to {number} million in all are taken.").format(
                width=width, height=height, number=MAX_PIXELS // 10**6
            )
        )
    return image


def looks_like(content: bytes) -> str:
    """What the file is instead of a picture, as the end of a sentence."""
    head = content[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, name in LOOKALIKES:
        if head.startswith(start.lower()):
            if start == b"<?xml" and b"<svg" in content[:4096].lower():
                return _("it starts like {name}").format(name=_("an SVG drawing"))
            return _("it starts like {name}").format(name=_(name))
    for name, start in (
        ("PNG", b"\x89png"),
        ("JPEG", b"\xff\xd8\xff"),
        ("GIF", b"gif8"),
        ("TIFF", b"ii*\0"),
        ("BMP", b"bm"),
    ):
        if head.startswith(start):
            return _("it starts like a {name} picture, but its beginning is damaged").format(name=name)
    try:
        content[:4096].decode("utf-8")
    except UnicodeDecodeError:
        return _("its content is of no known kind")
    return _("it looks like a text file")


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says; broken EXIF turns nothing."""
    with suppress(Exception):  # a picture with unreadable EXIF is still a picture
        ImageOps.exif_transpose(image, in_place=True)
    return image


def to_rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB: 16-bit scaled to 8, transparency laid over white."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = eight_bit(image)
    if image.has_transparency_data:
        clear = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(clear, mask=clear)
    return image if image.mode == "RGB" else image.convert("RGB")  # a copy of 50 million pixels is 200 MB


def eight_bit(image: Image.Image) -> Image.Image:
    """A greyscale picture of 16 or 32 bits as 8 bits: 16-bit values by their range, others by their own."""
    low, high = value_range(image)
    result = Image.new("L", image.size)
    for box in tiles(image.size):
        values = np.asarray(image.crop(box)).astype(np.float64)
        scaled = (values - low) * (255.0 / max(high - low, 1e-12))
        result.paste(Image.fromarray(np.nan_to_num(scaled).round().clip(0, 255).astype(np.uint8)), box)
    return result


def value_range(image: Image.Image) -> tuple[float, float]:
    """What is black and what is white in a greyscale picture of 16 or 32 bits."""
    ends = [(part.min(), part.max()) for part in (np.asarray(image.crop(box)) for box in tiles(image.size))]
    low, high = float(np.min(ends)), float(np.max(ends))  # NaN where any value is
    return (0.0, 65535.0) if image.mode != "F" and low >= 0 and high <= 65535 else (low, high)


def tiles(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes that cover a picture, TILE_PIXELS at most in each, however long and thin it is."""
    width, height = size
    across = min(width, TILE_PIXELS)
    down = TILE_PIXELS // across
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield left, top, min(left + across, width), min(top + down, height)


def to_array(image: Image.Image, size: int) -> np.ndarray:
    """The centre square, made size x size by one antialiased resize: uint8 (size, size, 3)."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    # reducing_gap lets Pillow shrink by whole factors first, which keeps large pictures quick.
    box = (left, top, left + side, top + side)
    square = image.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
    return np.asarray(square)
