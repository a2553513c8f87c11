"""Pictures of more than eight bits a value."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from model.images.decoder import process_image_with_note
from tests.drawn import encode
from tests.png_chunks import chunk


def values(bits: int, channels: int = 1) -> np.ndarray:
    """The upper quarter of what so many bits hold: uint16 (20, 30, channels)."""
    return np.random.default_rng(0).integers(3 * 2**bits // 4, 2**bits, (20, 30, channels)).astype(np.uint16)


def png(content: np.ndarray, colour_type: int) -> bytes:
    """A PNG of 16 bits a value, which Pillow does not write for colours."""
    height, width, _channels = content.shape
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in content)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(content: np.ndarray, order: str, photometric: int, strips: int = 1) -> bytes:
    """An unpacked TIFF of 16 bits a value."""
    height, width, channels = content.shape
    pixels = content.astype(f"{order}u2").tobytes()
    tags = {256: width, 257: height, 259: 1, 262: photometric, 277: channels, 278: height // strips}
    end = 8 + 2 + 12 * 9 + 4
    bits, offsets, counts = (np.full(channels, 16), *(np.arange(strips), np.full(strips, len(pixels) // strips)))
    start = end + 2 * channels + 8 * strips
    tables = {
        258: bits.astype(f"{order}u2"),
        273: (start + offsets * (len(pixels) // strips)).astype(f"{order}u4"),
        279: counts.astype(f"{order}u4"),
    }
    body, entries = b"", {}
    for tag, table in tables.items():
        kind = 3 if table.itemsize == 2 else 4
        raw = table.tobytes()
        place = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack(f"{order}I", end + len(body))
        entries[tag] = struct.pack(f"{order}HHI", tag, kind, len(table)) + place
        body += raw
    for tag, value in tags.items():
        entries[tag] = struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return (
        head + b"".join(entries[tag] for tag in sorted(entries)) + b"\0" * 4 + body.ljust(start - end, b"\0") + pixels
    )


def seen(content: bytes) -> tuple[np.ndarray, str]:
    """The picture, 0 to 1, and what is said of it."""
    image, note = process_image_with_note(content, lambda image: image)
    return np.asarray(image) / 255, note


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_fewer_bits_in_a_file_of_sixteen_are_stretched_to_what_they_are(bits: int) -> None:
    grey, colour = values(bits), values(bits, 3)
    files = {
        "png": encode(Image.fromarray(grey[..., 0]), "PNG"),
        "tiff": encode(Image.fromarray(grey[..., 0]), "TIFF"),
        "lzw": encode(Image.fromarray(grey[..., 0]), "TIFF", compression="tiff_lzw"),
        "whole numbers": encode(Image.fromarray(grey[..., 0].astype(np.int32)), "TIFF"),
        "colours": png(colour, 2),
        "little-endian": tiff(colour, "<", 2),
        "big-endian": tiff(colour, ">", 2),
        "strips": tiff(colour, "<", 2, strips=5),
    }
    for name, content in files.items():
        expected = (colour if len(content) > 20 * 30 * 5 or name == "colours" else grey) / (2**bits - 1)
        shown, note = seen(content)
        assert np.abs(shown - expected).max() < 0.01, name
        assert f"it was brightened as a picture of {bits} bits." in note, name


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("opaque", [4095, 65535])
def test_transparency_of_deep_pictures_has_a_range_of_its_own(channels: int, opaque: int) -> None:
    content = values(12, channels)
    content[..., -1] = opaque
    shown, note = seen(png(content, 4 if channels == 2 else 6))
    assert np.abs(shown - content[..., :-1] / 4095).max() < 0.01
    assert "of 12 bits" in note


def test_sixteen_bits_stay_as_they_are() -> None:
    for content in (png(values(16, 3), 2), tiff(values(16, 3), "<", 2)):
        shown, note = seen(content)
        assert np.abs(shown - values(16, 3) / 65535).max() < 0.01
        assert note == ""
    for blank in (encode(Image.fromarray(np.zeros((9, 9), np.uint16)), "PNG"), png(np.zeros((9, 9, 3), np.uint16), 2)):
        shown, note = seen(blank)
        assert (shown.max(), note) == (0, "")


def test_white_is_zero_where_a_tiff_says_so() -> None:
    bright = np.full((20, 30, 1), 6000, np.uint16) + values(8)
    assert np.abs(seen(tiff(bright, "<", 0))[0] - (1 - bright / 16383)).max() < 0.01
    assert np.abs(seen(tiff(bright, "<", 1))[0] - bright / 16383).max() < 0.01


def test_decimals_from_0_to_1_are_shares_and_others_have_a_range_of_their_own() -> None:
    shares = np.random.default_rng(0).uniform(0.8, 1, (20, 30)).astype(np.float32)
    shown, note = seen(encode(Image.fromarray(shares), "TIFF"))
    assert np.abs(shown[..., 0] - shares).max() < 0.01
    assert note == ""
    wide = 100 * shares - 90
    shown, note = seen(encode(Image.fromarray(wide), "TIFF"))
    assert (shown.min(), shown.max()) == (0, 1)
    assert "read as black and white" in note


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("scale", "words"), [(1, ""), (100, "go from 80.000 to 100.000")])
def test_decimals_that_are_no_numbers_are_black_and_leave_the_others(odd: float, scale: float, words: str) -> None:
    shares = np.linspace(0.8, 1, 600, dtype=np.float32).reshape(20, 30) * scale
    expected, _note = seen(encode(Image.fromarray(shares), "TIFF"))
    shares[7, 7] = odd
    shown, note = seen(encode(Image.fromarray(shares), "TIFF"))
    assert words in note and bool(note) == bool(words)
    assert (shown[7, 7] == 0).all()
    shown[7, 7] = expected[7, 7]
    assert np.array_equal(shown, expected)


def test_a_picture_without_a_number_is_black_with_a_note() -> None:
    shown, note = seen(encode(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"))
    assert (shown.max(), note) == (0, "No value in this picture is a finite number: it was read as black.")
