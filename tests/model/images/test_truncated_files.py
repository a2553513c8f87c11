from __future__ import annotations

import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from model.images.decoder import InvalidImage, process_image_with_note, read_image
from model.images.truncated_files import MAX_SCANS, MAX_SEGMENTS, has_all_scans, has_too_many_parts, strip_metadata
from tests.drawn import encode, picture
from tests.png_chunks import chunk

RED = (200, 60, 40)


def with_chunk(extra: bytes, image: Image.Image | None = None) -> bytes:
    """A PNG with a chunk behind its header."""
    whole = encode(image or Image.new("RGB", (40, 30), RED), "PNG")
    return whole[:33] + extra + whole[33:]


TEXT = zlib.compress(b"<x:xmpmeta/> " * 120_000)
PROFILE = zlib.compress(np.random.default_rng(0).bytes(1_500_000))
HUGE = {
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + TEXT),
    "iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + TEXT),
    "iCCP": chunk(b"iCCP", b"scanner\0\0" + PROFILE),
    "many": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"\0" * 1_000_000)) * 100,
}


@pytest.mark.parametrize("kind", HUGE)
def test_texts_and_profiles_of_any_size_do_not_keep_a_png_from_being_read(kind: str) -> None:
    content = with_chunk(HUGE[kind])
    assert read_image(content).getpixel((20, 15)) == RED
    assert strip_metadata(content) == with_chunk(b"")


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"gAMA", b"cHRM", b"pHYs", b"tIME", b"vpAg"])
def test_a_wrong_checksum_beside_the_pixels_harms_nothing(kind: bytes) -> None:
    assert read_image(with_chunk(chunk(kind, b"Comment\0words", 1234))).getpixel((20, 15)) == RED


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"])
def test_a_wrong_checksum_in_what_makes_the_pixels_is_damage(kind: bytes) -> None:
    whole = bytearray(encode(Image.new("P", (40, 30)), "PNG"))
    place = whole.index(kind)
    (length,) = struct.unpack_from(">I", whole, place - 4)
    whole[place + 4 + length] ^= 1  # the first byte of its checksum
    with pytest.raises(InvalidImage, match="PNG"):
        read_image(bytes(whole))


def test_what_changes_the_look_of_a_png_stays() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(Image.new("RGB", (40, 30), RED), "PNG", exif=exif)
    assert read_image(turned).size == (30, 40)
    clear = encode(Image.new("P", (40, 30)), "PNG", transparency=0)
    assert read_image(clear).getpixel((0, 0)) == (255, 255, 255)


def test_an_animation_that_ends_in_a_later_frame_shows_its_first() -> None:
    frames = [picture(number) for number in range(3)]
    for file_format in ("PNG", "GIF"):
        whole = encode(frames[0], file_format, save_all=True, append_images=frames[1:])
        assert read_image(whole[:-200]).tobytes() == read_image(whole).tobytes()


def photo(size: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8))


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("file_format", ["JPEG", "MPO"])
def test_a_jpeg_without_its_last_two_bytes_is_whole(cut: int, progressive: bool, file_format: str) -> None:
    for image in (photo(100), Image.new("RGB", (32, 32), RED), Image.new("L", (50, 20), 77)):
        whole = encode(image, file_format, progressive=progressive)
        cut_off, note = process_image_with_note(whole[:-cut], lambda image: image)
        assert cut_off.tobytes() == read_image(whole).tobytes()
        assert note == ""


@pytest.mark.parametrize("size", [160, 1200])
def test_a_jpeg_that_lacks_a_little_is_read_and_says_how_much(size: int) -> None:
    whole = encode(photo(size), "JPEG")
    image, note = process_image_with_note(whole[: int(len(whole) * 0.9)], lambda image: image, min_side=32)
    found = re.fullmatch(r"This file is cut off: the last (\d+\.\d)% of the picture are missing and show grey\.", note)
    assert found
    assert float(found[1]) == pytest.approx(10, abs=4)
    rows = image.height * 8 // 10
    assert (
        image.crop((0, 0, image.width, rows)).tobytes()
        == read_image(whole, 32).crop((0, 0, image.width, rows)).tobytes()
    )


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.7])
def test_a_jpeg_that_lacks_more_is_no_picture(progressive: bool, share: float) -> None:
    for image in (photo(300), Image.linear_gradient("L").convert("RGB")):
        whole = encode(image, "JPEG", progressive=progressive)
        with pytest.raises(InvalidImage, match="This JPEG picture is damaged or cut off"):
            read_image(
                whole[: int(len(whole) * share)] if share > 0.5 or image.width == 300 else whole[: -len(whole) // 3]
            )


def test_a_progressive_jpeg_needs_all_its_scans() -> None:
    whole = encode(photo(64), "JPEG", progressive=True)
    assert has_all_scans(whole)
    assert not has_all_scans(whole[: whole.rindex(b"\xff\xda")])
    assert has_all_scans(encode(photo(64), "JPEG"))
    assert not has_all_scans(b"\xff\xd8\xff")


def test_a_png_has_one_colour_profile_and_one_exif_however_many_there_are() -> None:
    profile = chunk(b"iCCP", b"scanner\0\0" + zlib.compress(b"\0" * 1_000_000))
    exif = chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0")
    assert strip_metadata(with_chunk((profile + exif) * 50)) == with_chunk(profile + exif)


def test_a_jpeg_of_thousands_of_parts_is_refused_before_they_are_read() -> None:
    whole = encode(photo(64), "JPEG")
    for marker in (b"\xff\xe1\0\2", b"\xff\xfe\0\2"):
        content = whole[:2] + marker * MAX_SEGMENTS + whole[2:]
        with pytest.raises(InvalidImage, match="it starts as JPEG pictures do, but is damaged or cut off"):
            read_image(content)
        assert read_image(whole[:2] + marker * 1000 + whole[2:]).size == (64, 64)


def test_a_jpeg_of_hundreds_of_scans_is_refused() -> None:
    whole = encode(photo(64), "JPEG", progressive=True)
    scan = b"\xff\xda\0\x08\1\1\0\1\x3f\x10"
    assert has_too_many_parts(whole[:-2] + scan * (MAX_SCANS + 1) + whole[-2:])
    assert not has_too_many_parts(whole[:-2] + scan * 20 + whole[-2:])
    assert not has_too_many_parts(whole + scan * (MAX_SCANS + 1))  # what stands behind the picture is not read
