"""Files that are not the pictures they seem to be, and pictures that are odd but fine."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
from PIL import Image

from tests.drawn import encode, picture


def png_header(width: int, height: int) -> bytes:
    """A PNG of 8-bit RGB whose checksums are right and whose pixels are missing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def zip_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cat.png", encode(picture(0), "PNG"))
    return buffer.getvalue()


# Content, and words of the sentence that a person gets for it.
BAD: list[tuple[bytes, str]] = [
    (b"", "This file is empty."),
    (b"just some words\n", "not an image: it looks like a text file. PNG, JPEG, WebP"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "it starts like a PDF"),
    (b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', "it starts like an SVG drawing"),
    (
        b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
        "it starts like an SVG drawing",
    ),
    (b'<?xml version="1.0"?><rss/>', "it starts like an XML file"),
    (b"\xef\xbb\xbf\n<!DOCTYPE html><html></html>", "it starts like a web page"),
    (zip_archive(), "it starts like a ZIP archive"),
    (np.random.default_rng(0).bytes(2000), "its content is of no known kind"),
    (np.random.default_rng(0).bytes(21 * 2**20), "This file has more than 20 MB, the most that a picture can have."),
    (encode(picture(0, 64), "PNG")[:20], "it starts as PNG pictures do, but is damaged or cut off"),
    (encode(picture(0, 64), "PNG")[:2000], "This PNG picture is damaged or cut off"),
    (encode(picture(0, 64), "JPEG")[:900], "This JPEG picture is damaged or cut off"),
    (png_header(60_000, 60_000), "This picture claims far more pixels than the 50 million that are taken."),
    (png_header(10_000, 8_000), "This picture has 10,000 x 8,000 pixels; up to 50 million"),
]


def odd() -> dict[str, bytes]:
    """Pictures by file name that must get an answer."""
    red = Image.new("RGB", (40, 30), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "animated.gif": encode(red, "GIF", save_all=True, append_images=[Image.new("RGB", (40, 30), "blue")]),
        "1x1.png": encode(Image.new("RGB", (1, 1), "teal"), "PNG"),
        "strip.png": encode(Image.new("RGB", (10_000, 20), "navy"), "PNG"),
        "grey-alpha.png": encode(Image.new("LA", (40, 40), (90, 128)), "PNG"),
        "cmyk.jpg": encode(Image.new("CMYK", (40, 40), (0, 200, 200, 0)), "JPEG"),
        "16-bit.png": encode(Image.fromarray(np.full((40, 40), 32768, np.uint16)), "PNG"),
        "rotated.jpg": encode(red, "JPEG", exif=exif),
        "a \"quoted\" 'name' \\ of 🐸 *stars*.png": encode(red, "PNG"),
    }
