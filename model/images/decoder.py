"""Bytes from outside -> an upright RGB picture -> the small uint8 array that a network sees."""

from __future__ import annotations

import io
import os
import re
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import numpy as np
from PIL import Image, ImageFile, ImageOps

from model.common.errors import VitrineError
from model.i18n.number_format import decimal, integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.images.bit_depth import SWAPPED, brightened, eight_bit, is_deep, raw_mode
from model.images.color_spaces import to_srgb
from model.images.heif import NoDecoder, is_heif, open_heif
from model.images.truncated_files import END, JPEG_START, PNG, has_too_many_parts, share_missing, without_metadata
from model.signature.shapes import InputShape, PictureSize, shape_of

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "BMP", "GIF", "TIFF")
OF_PILLOW = tuple(name for name in FORMATS if name != "HEIF")
TAKEN = marked("PNG, JPEG, WebP, AVIF, HEIC, BMP, GIF and TIFF pictures are taken")
CALLED = {"HEIF": "HEIC", "MPO": "JPEG", "WEBP": "WebP"}  # formats whose users know another name
JPEGS = ("JPEG", "MPO")  # the second is two in one file, as an iPhone's portraits are; the first of them counts
MOST_MISSING = 0.25  # of a JPEG that was cut off
MOST_TILES = 100_000  # of a TIFF: a strip a row is fewer, and each costs time, however few pixels it has

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
    (b"8BPS", marked("a Photoshop document")),
    (b"\xff\x0a", marked("a JPEG XL picture")),
    (b"\0\0\0\x0cJXL ", marked("a JPEG XL picture")),
    (b"\0\0\0\x0cjP  ", marked("a JPEG 2000 picture")),
    (b"\0\0\1\0", marked("an icon")),
    (b"gimp xcf", marked("a GIMP picture")),
    (b"II*\0\x10\0\0\0CR", marked("a camera's raw picture")),
    (b"\0\0\0\x18ftypcrx", marked("a camera's raw picture")),
    (b"FUJIFILMCCD-RAW", marked("a camera's raw picture")),
    (b"Rar!", marked("a RAR archive")),
    (b"7z\xbc\xaf'\x1c", marked("a 7-Zip archive")),
    (b"\x1aE\xdf\xa3", marked("a video")),
    (b"version https://git-lfs", marked("the note that Git LFS leaves in a picture's place")),
)
VIDEO = re.compile(rb"....ftyp(qt|mp4|isom|iso2|M4V|3gp)", re.DOTALL)
# How the pictures begin that are taken, for those whose beginning cannot be read all the same.
BEGINNINGS = (
    ("PNG", re.compile(rb"\x89PNG")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("GIF", re.compile(rb"GIF8")),
    ("TIFF", re.compile(rb"II\*\0|MM\0\*")),
    ("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("AVIF", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    ("HEIC", re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|m[is]f1)", re.DOTALL)),
    ("BMP", re.compile(rb"BM")),
)

# More decoders than cores are not faster together, and each may hold a picture of 50 million pixels.
DECODERS = threading.BoundedSemaphore(os.cpu_count() or 2)
Made = TypeVar("Made")

# Pillow warns of sizes that `open_checked` refuses anyway. Once and for all: filters are shared by all threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class InvalidImage(VitrineError, ValueError):
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
    return noted(content, make, at_least)[0]


def noted(content: bytes, make: Callable[[Image.Image], Made], at_least: int = 0) -> tuple[Made, str]:
    """The same, and a sentence where the answer is not to be taken for that of a whole, ordinary picture."""
    with DECODERS:
        image, note = decode(content, at_least)
        return make(image), note


def decode(content: bytes, at_least: int) -> tuple[Image.Image, str]:
    """The picture, and a sentence on what had to be guessed or is missing, empty for most."""
    opened = open_checked(content)
    try:
        try:
            image, note = loaded(opened, content, at_least)
        except OSError:
            if opened.format not in JPEGS:
                raise
            image, note = without_end(content, at_least)
        check_pixels(image)  # the decoder of HEIC may find another size than the file's header said
        image, guess = to_rgb(upright(image))
        return image, note or guess
    except InvalidImage:
        raise
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        raise InvalidImage(
            _("This {format} picture is damaged or cut off and cannot be read.").format(format=called(opened))
        ) from error


def loaded(image: ImageFile.ImageFile, content: bytes, at_least: int) -> tuple[Image.Image, str]:
    """The picture's pixels, its first frame's where there are several, and a sentence if they were brightened."""
    if len(image.tile) > MOST_TILES:
        raise OSError("far too many pieces")
    if at_least and image.format in JPEGS:
        # Twice the size wanted: what remains is reduced by an antialiased filter, not by the decoder alone.
        image.draft(None, (2 * at_least, 2 * at_least))
    raw = raw_mode(image)
    image.load()
    return image, brightened(image, open_any(content), raw) if raw in SWAPPED else ""


def without_end(content: bytes, at_least: int) -> tuple[Image.Image, str]:
    """A JPEG that was cut off, if most of its picture is there. Raises OSError if not."""
    missing = share_missing(content)
    if missing > MOST_MISSING:
        raise OSError("cut off")
    image, _brightened = loaded(open_any(content + END), content, at_least)
    text = _("This file is cut off: the last {share} of the picture are missing and show grey.")
    return image, text.format(share=percentage(max(missing, 0.001))) if missing else ""


def called(image: Image.Image) -> str:
    """A picture's format by the name that people know."""
    return CALLED.get(image.format or "", image.format or "")


def open_any(content: bytes) -> ImageFile.ImageFile:
    """Open a file of one of FORMATS, by its content, without decoding it."""
    if is_heif(content):
        return open_heif(content)
    if content.startswith(PNG):
        content = without_metadata(content)
    elif content.startswith(JPEG_START) and has_too_many_parts(content):
        raise SyntaxError("a JPEG of far too many parts")
    return Image.open(io.BytesIO(content), formats=OF_PILLOW)


def open_checked(content: bytes) -> ImageFile.ImageFile:
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
        image = open_any(content)
    except NoDecoder as error:
        raise InvalidImage(str(error)) from error
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
    check_pixels(image)
    return image


def check_pixels(image: Image.Image) -> None:
    """Raises InvalidImage for more than MAX_PIXELS."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidImage(
            _("This picture has {width} x {height} pixels; up to {number} million in all are taken.").format(
                width=integer(width), height=integer(height), number=MAX_PIXELS // 10**6
            )
        )


def looks_like(content: bytes) -> str:
    """What the file is instead of a picture, as the end of a sentence."""
    head = content[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, name in LOOKALIKES:
        if head.startswith(start.lower()):
            if start == b"<?xml" and b"<svg" in content[:4096].lower():
                return _("it starts like {name}").format(name=_("an SVG drawing"))
            return _("it starts like {name}").format(name=_(name))
    if VIDEO.match(content):
        return _("it starts like {name}").format(name=_("a video"))
    for name, beginning in BEGINNINGS:
        if beginning.match(content):
            return _("it starts as {name} pictures do, but is damaged or cut off").format(name=name)
    if b"\0" in content[:4096]:
        return _("its content is of no known kind")
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


def to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Any mode as RGB, transparency laid over white, and a sentence if the range of its values was a guess."""
    note = ""
    if is_deep(image):
        image, note = eight_bit(image)
    image = to_srgb(image)
    if image.has_transparency_data:
        clear = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(clear, mask=clear)
    return image if image.mode == "RGB" else image.convert("RGB"), note  # a copy of 50 million pixels is 200 MB


def to_array(image: Image.Image, size: PictureSize) -> np.ndarray:
    """The centre of an RGB picture in a network's proportions, made its size by one antialiased resize.

    uint8 (height, width, channels); size: the side of RGB squares, or any shape. Grey is luminance (ITU-R BT.601).
    """
    shape = shape_of(size)
    small = centre(image, shape)
    return from_picture(small if shape.channels == 3 else small.convert("L"))


def centre(image: Image.Image, shape: InputShape) -> Image.Image:
    """The largest part of a picture at its centre that has a shape's proportions, made its height and width."""
    # reducing_gap lets Pillow shrink by whole factors first, which keeps large pictures quick.
    return image.resize(
        (shape.width, shape.height), Image.Resampling.BICUBIC, box=centre_box(image.size, shape), reducing_gap=3.0
    )


def centre_box(size: tuple[int, int], shape: InputShape) -> tuple[float, float, float, float]:
    """Where that part of a picture of this size (width, height) is: left, top, right, bottom."""
    width, height = size
    across: float = width
    down: float = height
    if width * shape.height > height * shape.width:
        across = height * shape.width / shape.height
    else:
        down = width * shape.height / shape.width
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down


def from_picture(image: Image.Image) -> np.ndarray:
    """An RGB or grey picture as uint8 (height, width, 3 or 1)."""
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def to_picture(array: np.ndarray) -> Image.Image:
    """The same back: uint8 (height, width, 3 or 1) as an RGB or grey picture."""
    return Image.fromarray(array if array.shape[2] == 3 else array[..., 0])
