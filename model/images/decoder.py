"""From bytes to an upright RGB picture, and to the uint8 array that a network takes."""

from __future__ import annotations

import io
import logging
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
from model.i18n.number_format import integer, percentage
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.images.bit_depth import SWAPPED_MODES, brighten, is_deep, raw_mode, to_eight_bit
from model.images.color_spaces import to_srgb
from model.images.heif import NoDecoder, is_heif, open_heif
from model.images.truncated_files import (
    JPEG_END,
    JPEG_START,
    PNG_SIGNATURE,
    has_too_many_parts,
    has_too_many_tiles,
    missing_fraction,
    strip_metadata,
)
from model.signature.shapes import InputShape, PictureSize, to_input_shape

# What is wrong with a file is said in our own sentence. With no handler, Python prints Pillow's line beside it.
logging.getLogger("PIL").addHandler(logging.NullHandler())
MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "BMP", "GIF", "TIFF")
_PILLOW_FORMATS = tuple(name for name in FORMATS if name != "HEIF")
_SUPPORTED_FORMATS = marked("PNG, JPEG, WebP, AVIF, HEIC, BMP, GIF and TIFF pictures are taken")
_FORMAT_NAMES = {"HEIF": "HEIC", "MPO": "JPEG", "WEBP": "WebP"}  # formats that users know by another name
_JPEG_FORMATS = ("JPEG", "MPO")  # MPO holds several JPEGs, as iPhone portraits do; the first is used
_TIFF_STARTS = (b"II", b"MM")
_MAX_MISSING = 0.25  # fraction of a truncated JPEG that may be missing

# Files that people drop by mistake, by their first bytes.
_LOOKALIKES = (
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
_VIDEO_SIGNATURE = re.compile(rb"....ftyp(qt|mp4|isom|iso2|M4V|3gp)", re.DOTALL)
# The first bytes of supported formats, to recognize files that are damaged further on.
_SIGNATURES = (
    ("PNG", re.compile(rb"\x89PNG")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("GIF", re.compile(rb"GIF8")),
    ("TIFF", re.compile(rb"II[*+]\0|MM\0[*+]")),
    ("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("AVIF", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    ("HEIC", re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|m[is]f1)", re.DOTALL)),
    ("BMP", re.compile(rb"BM")),
)

# More decoders than cores are not faster, and each may hold a picture of 50 million pixels.
DECODER_SLOTS = threading.BoundedSemaphore(os.cpu_count() or 2)
_Result = TypeVar("_Result")

# `_open_checked` refuses oversized pictures itself. Set once here, because warning filters are shared by all threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class InvalidImage(VitrineError, ValueError):
    """Bytes that are not a usable picture; the message tells users why."""


def read_image(content: bytes, min_side: int = 0) -> Image.Image:
    """Decode a picture: its first frame, upright, RGB, transparency blended with white.

    Args:
        content: The bytes of the file.
        min_side: Pixels that the shorter side will be needed at. Much larger JPEGs are decoded at 1/2, 1/4 or 1/8 of
            their size, which is faster. 0 decodes at full size.

    Raises:
        InvalidImage: The bytes are not a picture that can be read.
    """
    return process_image(content, lambda image: image, min_side)


def process_image(content: bytes, process: Callable[[Image.Image], _Result], min_side: int = 0) -> _Result:
    """Decode a picture as `read_image` does, and return what `process` makes of it.

    At most DECODER_SLOTS pictures are held in memory at once, so `process` must not decode another one.

    Raises:
        InvalidImage: The bytes are not a picture that can be read.
    """
    return process_image_with_note(content, process, min_side)[0]


def process_image_with_note(
    content: bytes, process: Callable[[Image.Image], _Result], min_side: int = 0
) -> tuple[_Result, str]:
    """Do the same as `process_image`, and return a note for the user if the picture is incomplete or was brightened."""
    with DECODER_SLOTS:
        image, note = _decode(content, min_side)
        return process(image), note


def _decode(content: bytes, min_side: int) -> tuple[Image.Image, str]:
    """Decode a picture; return it with a note on what was guessed or is missing (empty for most)."""
    opened = _open_checked(content)
    try:
        try:
            image, note = _load_pixels(opened, content, min_side)
        except OSError:
            if opened.format not in _JPEG_FORMATS:
                raise
            image, note = _load_truncated(content, min_side)
        _check_pixels(image)  # the HEIC decoder may find another size than the header says
        image, guess = to_rgb(_rotate_upright(image))
        return image, note or guess
    except InvalidImage:
        raise
    except Exception as error:  # decoders raise nearly anything on malicious files
        raise InvalidImage(
            _("This {format} picture is damaged or cut off and cannot be read.").format(format=_format_name(opened))
        ) from error


def _load_pixels(image: ImageFile.ImageFile, content: bytes, min_side: int) -> tuple[Image.Image, str]:
    """Load the pixels of the first frame; return the picture and a note if it was brightened."""
    if min_side and image.format in _JPEG_FORMATS:
        # Twice the size needed, so that the final step is an antialiased resize and not the decoder's reduction.
        image.draft(None, (2 * min_side, 2 * min_side))
    raw = raw_mode(image)
    image.load()
    return image, brighten(image, _open_by_content(content), raw) if raw in SWAPPED_MODES else ""


def _load_truncated(content: bytes, min_side: int) -> tuple[Image.Image, str]:
    """Load a truncated JPEG if most of it is there; raise OSError if not."""
    missing = missing_fraction(content)
    if missing > _MAX_MISSING:
        raise OSError("cut off")
    image, _brightened = _load_pixels(_open_by_content(content + JPEG_END), content, min_side)
    text = _("This file is cut off: the last {share} of the picture are missing and show grey.")
    return image, text.format(share=percentage(max(missing, 0.001))) if missing else ""


def _format_name(image: Image.Image) -> str:
    """Return the name that people know a picture's format by."""
    return _FORMAT_NAMES.get(image.format or "", image.format or "")


def _open_by_content(content: bytes) -> ImageFile.ImageFile:
    """Open a file in one of FORMATS, recognized by its content, without decoding it."""
    if is_heif(content):
        return open_heif(content)
    if content.startswith(PNG_SIGNATURE):
        content = strip_metadata(content)
    elif content.startswith(JPEG_START) and has_too_many_parts(content):
        raise SyntaxError("a JPEG of far too many parts")
    elif content[:2] in _TIFF_STARTS and has_too_many_tiles(content):
        raise SyntaxError("a TIFF of far too many parts")
    return Image.open(io.BytesIO(content), formats=_PILLOW_FORMATS)


def _open_checked(content: bytes) -> ImageFile.ImageFile:
    """Open a file without decoding it, and check its size, format and number of pixels.

    Raises:
        InvalidImage: The file is empty, too large, or not a supported picture.
    """
    if not content:
        raise InvalidImage(_("This file is empty."))
    if len(content) > MAX_BYTES:
        raise InvalidImage(too_large_sentence())
    try:
        image = _open_by_content(content)
    except NoDecoder as error:
        raise InvalidImage(str(error)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidImage(
            _("This picture claims far more pixels than the {number} million that are taken.").format(
                number=MAX_PIXELS // 10**6
            )
        ) from None
    except Exception as error:  # Pillow's parsers raise nearly anything on malicious files
        raise InvalidImage(
            _("This file is not an image: {guess}. {taken}.").format(
                guess=_describe_content(content), taken=_(_SUPPORTED_FORMATS)
            )
        ) from error
    _check_pixels(image)
    return image


def too_large_sentence() -> str:
    """Say that a file is too large; whoever reads files stops at the limit, so by how much is not known."""
    return _("This file has more than {limit} MB, the most that a picture can have.").format(limit=MAX_BYTES // 2**20)


def _check_pixels(image: Image.Image) -> None:
    """Check the number of pixels.

    Raises:
        InvalidImage: There are more than MAX_PIXELS.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidImage(
            _("This picture has {width} x {height} pixels; up to {number} million in all are taken.").format(
                width=integer(width), height=integer(height), number=MAX_PIXELS // 10**6
            )
        )


def format_by_signature(content: bytes) -> str:
    """Return the name of the supported format that a file's first bytes are of, empty for none."""
    return next((name for name, beginning in _SIGNATURES if beginning.match(content)), "")


def _describe_content(content: bytes) -> str:
    """Describe what the file is instead of a picture, as a clause for an error message."""
    head = content[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, name in _LOOKALIKES:
        if head.startswith(start.lower()):
            if start == b"<?xml" and b"<svg" in content[:4096].lower():
                return _("it starts like {name}").format(name=_("an SVG drawing"))
            return _("it starts like {name}").format(name=_(name))
    if _VIDEO_SIGNATURE.match(content):
        return _("it starts like {name}").format(name=_("a video"))
    if name := format_by_signature(content):
        return _("it starts as {name} pictures do, but is damaged or cut off").format(name=name)
    if b"\0" in content[:4096]:
        return _("its content is of no known kind")
    try:
        content[:4096].decode("utf-8")
    except UnicodeDecodeError:
        return _("its content is of no known kind")
    return _("it looks like a text file")


def _rotate_upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation, in place; broken EXIF data is ignored."""
    with suppress(Exception):  # a picture with unreadable EXIF is still a picture
        ImageOps.exif_transpose(image, in_place=True)
    return image


def to_rgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Convert any mode to RGB, with transparency blended with white.

    Returns:
        The picture, and a note for the user if its value range had to be guessed (else empty).
    """
    note = ""
    if is_deep(image):
        image, note = to_eight_bit(image)
    image = to_srgb(image)
    if image.has_transparency_data:
        clear = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(clear, mask=clear)
    return image if image.mode == "RGB" else image.convert(
        "RGB"
    ), note  # no needless copy: 50 million pixels take 200 MB


def to_array(image: Image.Image, size: PictureSize) -> np.ndarray:
    """Crop an RGB picture at its centre to a network's proportions, and resize it once with antialiasing.

    Args:
        image: An RGB picture of any size.
        size: The side of square RGB pictures, or any input shape. Grey is luminance (ITU-R BT.601).

    Returns:
        uint8 (height, width, channels).
    """
    shape = to_input_shape(size)
    small = centre_crop(image, shape)
    return image_to_array(small if shape.channels == 3 else small.convert("L"))


def centre_crop(image: Image.Image, shape: InputShape) -> Image.Image:
    """Crop the largest centred area with a shape's proportions, and resize it to the shape."""
    # reducing_gap lets Pillow shrink by whole factors first, which keeps large pictures quick.
    return image.resize(
        (shape.width, shape.height), Image.Resampling.BICUBIC, box=_centre_crop_box(image.size, shape), reducing_gap=3.0
    )


def _centre_crop_box(size: tuple[int, int], shape: InputShape) -> tuple[float, float, float, float]:
    """Return the box (left, top, right, bottom) of that area in a picture of `size` (width, height)."""
    width, height = size
    across: float = width
    down: float = height
    if width * shape.height > height * shape.width:
        across = height * shape.width / shape.height
    else:
        down = width * shape.height / shape.width
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down


def image_to_array(image: Image.Image) -> np.ndarray:
    """Convert an RGB or grey picture to uint8 (height, width, 3 or 1)."""
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., None]


def array_to_image(array: np.ndarray) -> Image.Image:
    """Convert uint8 (height, width, 3 or 1) to an RGB or grey picture."""
    return Image.fromarray(array if array.shape[2] == 3 else array[..., 0])
