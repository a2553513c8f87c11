from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from model.images.decoder import read_image
from tests.drawn import encode

RED = (200, 60, 40)
D50 = (0.9642, 1.0, 0.8249)
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


def profile(primaries: tuple[tuple[float, ...], ...], gamma: float = 2.2) -> bytes:
    """An ICC profile of version 2 for RGB, by the XYZ of its red, green and blue."""

    def fixed(values: tuple[float, ...]) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    title = b"wide\0"
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(title)) + title + b"\0" * 79,
        b"cprt": b"text\0\0\0\0-\0\0\0",
    }
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + fixed(D50)
    for name, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {name + b"XYZ": b"XYZ \0\0\0\0" + fixed(primary), name + b"TRC": curve}
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28 + fixed(D50)
    return head.ljust(128, b"\0") + table + body


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_colours_of_a_wide_space_come_out_as_srgb(file_format: str) -> None:
    image = Image.new("RGB", (40, 40), RED)
    plain = read_image(encode(image, file_format))
    wide = read_image(encode(image, file_format, icc_profile=profile(DISPLAY_P3)))
    assert np.abs(np.array(plain.getpixel((20, 20))) - RED).max() <= 3
    assert np.abs(np.array(wide.getpixel((20, 20))) - (219, 38, 12)).max() <= 4  # what Display P3's red is in sRGB


def test_transparency_stays_where_colours_change() -> None:
    half = Image.new("RGBA", (40, 40), (*RED, 0))
    assert read_image(encode(half, "PNG", icc_profile=profile(DISPLAY_P3))).getpixel((9, 9)) == (255, 255, 255)


@pytest.mark.parametrize(
    "useless",
    [b"junk" * 100, profile(DISPLAY_P3)[:300], ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()],
)
def test_a_profile_that_is_damaged_or_srgb_changes_nothing(useless: bytes) -> None:
    image = Image.new("RGB", (40, 40), RED)
    assert read_image(encode(image, "PNG", icc_profile=useless)).getpixel((20, 20)) == RED


def test_a_profile_for_other_channels_changes_nothing() -> None:
    for mode in ("CMYK", "L"):
        image = Image.new("RGB", (40, 40), RED).convert(mode)
        plain, wrong = encode(image, "TIFF"), encode(image, "TIFF", icc_profile=profile(DISPLAY_P3))
        assert read_image(plain).tobytes() == read_image(wrong).tobytes()
