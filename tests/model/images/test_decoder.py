from __future__ import annotations

import struct
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dashboard.presenters.file_answers import answer
from model.history import prediction_log
from model.images import bit_depth, decoder
from model.images.bit_depth import tiles, to_eight_bit
from model.images.decoder import FORMATS, InvalidImage, process_image, read_image, to_array
from model.images.truncated_files import MAX_TILES
from model.inference.classifier import Classifier
from tests.drawn import draw, encode
from tests.hostile import BAD

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def picture(size: int = 64) -> Image.Image:
    return draw("circle", np.random.default_rng(0), size)


def near(pixel: object, colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(np.array(pixel, int) - colour).max() <= tolerance)


@pytest.mark.parametrize("file_format", FORMATS)
def test_each_format_gives_the_same_picture(file_format: str) -> None:
    smooth = Image.new("RGB", (48, 40), (200, 120, 40))
    image = read_image(encode(smooth, file_format))
    assert (image.mode, image.size) == ("RGB", (48, 40))
    assert near(image.getpixel((20, 20)), (200, 120, 40))
    assert to_array(image, 32).shape == (32, 32, 3)
    assert to_array(image, 32).dtype == np.uint8


@pytest.mark.parametrize(("content", "words"), BAD)
def test_a_bad_file_gets_its_own_sentence(content: bytes, words: str) -> None:
    with pytest.raises(InvalidImage) as caught:
        read_image(content)
    assert words in str(caught.value)


def test_transparency_shows_white() -> None:
    grey = Image.new("LA", (2, 1))
    grey.putdata([(0, 0), (0, 255)])
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *BLUE])
    palette.putdata([0, 1])
    half = Image.new("RGBA", (2, 1), (0, 0, 0, 128))
    assert [read_image(encode(grey, "PNG")).getpixel((x, 0)) for x in (0, 1)] == [WHITE, (0, 0, 0)]
    assert [read_image(encode(palette, "PNG", transparency=0)).getpixel((x, 0)) for x in (0, 1)] == [WHITE, BLUE]
    assert near(read_image(encode(half, "PNG")).getpixel((0, 0)), (127, 127, 127), 1)


def test_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE, GREEN)]
    content = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_image(content).getpixel((10, 10)) == RED


def test_exif_rotation_comes_out_upright() -> None:
    stored = Image.new("RGB", (64, 32), BLUE)
    stored.paste(RED, (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: its left is the picture's top
    image = read_image(encode(stored, "JPEG", exif=exif, quality=95), min_side=8)
    assert image.width * 2 == image.height
    assert near(image.getpixel((image.width // 2, 1)), RED)
    assert near(image.getpixel((image.width // 2, image.height - 2)), BLUE)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    for value, shown in ((0, 0), (32768, 128), (65535, 255)):
        image = Image.fromarray(np.full((8, 8), value, np.uint16))
        assert near(read_image(encode(image, "PNG")).getpixel((4, 4)), (shown,) * 3, 1)
        assert near(read_image(encode(image, "TIFF")).getpixel((4, 4)), (shown,) * 3, 1)


@pytest.mark.parametrize("size", [(40, 30), (700, 1), (1, 700)])
@pytest.mark.parametrize("kind", ["<u2", ">u2", "<i4", "<f4"])
@pytest.mark.parametrize("odd", [0, 100_000, -5, np.inf, -np.inf, np.nan])
def test_tiles_change_nothing_of_eight_bits(
    size: tuple[int, int], kind: str, odd: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bit_depth, "TILE_PIXELS", 64)
    values = np.random.default_rng(0).integers(0, 65536, size[::-1]).astype(kind)
    if kind == "<f4" or (kind == "<i4" and np.isfinite(odd)):
        values[-1, -1] = odd
    image = Image.fromarray(values)
    pixels = np.asarray(image).astype(np.float64)
    whole = image.mode != "F" and pixels.min() >= 0 and pixels.max() <= 65535
    sound = np.isfinite(pixels)
    low, high = (0.0, 65535.0) if whole else (float(pixels[sound].min()), float(pixels[sound].max()))
    scaled = np.where(sound, pixels - low, 0) * (255.0 / max(high - low, 1e-12))
    assert np.array_equal(np.asarray(to_eight_bit(image)[0]), scaled.round().clip(0, 255))


@pytest.mark.parametrize("size", [(1, 1), (50_000_000, 1), (1, 50_000_000), (7000, 7000), (300_000, 3)])
def test_tiles_cover_a_picture_and_are_small(size: tuple[int, int]) -> None:
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in tiles(size)]
    assert sum(areas) == size[0] * size[1]
    assert max(areas) <= bit_depth.TILE_PIXELS
    assert len(areas) < 400


def test_sixteen_bits_need_little_memory_beside_the_picture() -> None:
    image = Image.fromarray(np.zeros((2000, 2000), np.uint16))
    tracemalloc.start()
    try:
        to_eight_bit(image)
        assert tracemalloc.get_traced_memory()[1] < 4 * 2000 * 2000
    finally:
        tracemalloc.stop()


def test_every_shade_and_transparency_is_laid_over_white() -> None:
    shade, alpha = np.meshgrid(np.arange(256), np.arange(256))
    shown = np.asarray(read_image(encode(Image.fromarray(np.stack([shade] * 3 + [alpha], -1).astype(np.uint8)), "PNG")))
    exact = (shade * alpha + 255 * (255 - alpha)) / 255
    assert np.abs(shown[..., 0] - exact).max() <= 0.51


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """There is one place to decode; this list gets whether it was taken, each time a picture was decoded."""
    places, found = threading.BoundedSemaphore(1), []

    def to_rgb(
        image: Image.Image, real: Callable[[Image.Image], tuple[Image.Image, str]] = decoder.to_rgb
    ) -> tuple[Image.Image, str]:
        found.append(taken(places))
        return real(image)

    monkeypatch.setattr(decoder, "DECODER_SLOTS", places)
    monkeypatch.setattr(decoder, "to_rgb", to_rgb)
    return found


def taken(places: threading.BoundedSemaphore) -> bool:
    free = places.acquire(blocking=False)
    if free:
        places.release()
    return not free


def test_a_picture_has_a_decoders_place_until_it_is_made_smaller(held: list[bool]) -> None:
    content = encode(picture(), "PNG")
    assert process_image(content, lambda image: (image.size, taken(decoder.DECODER_SLOTS))) == ((64, 64), True)
    assert read_image(content).size == (64, 64)
    with pytest.raises(InvalidImage, match="empty"):
        read_image(b"")
    assert held == [True, True]
    assert not taken(decoder.DECODER_SLOTS)


def test_page_and_history_decode_in_a_decoders_place(
    held: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    content = encode(picture(), "PNG")
    shown = answer(content, Classifier.load("default", "int8"))
    assert shown.prediction
    prediction_log.save_answer(content, shown.prediction, "")
    assert held == [True, True, True]  # for the network, for the page and for the history


def test_other_modes_become_rgb() -> None:
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    assert near(read_image(encode(ink, "JPEG", quality=95)).getpixel((8, 8)), RED)
    bits = Image.new("1", (16, 16))
    bits.paste(1, (0, 0, 8, 16))
    image = read_image(encode(bits, "PNG"))
    assert [image.getpixel((x, 8)) for x in (2, 12)] == [WHITE, (0, 0, 0)]


def test_odd_sizes_become_squares() -> None:
    dot = to_array(read_image(encode(Image.new("RGB", (1, 1), GREEN), "PNG")), 32)
    assert (dot == GREEN).all()
    strip = Image.new("RGB", (10_000, 20), BLUE)
    strip.paste(RED, (4_990, 0, 5_010, 20))
    inner = to_array(read_image(encode(strip, "PNG"), min_side=32), 32)[
        :, 2:-2
    ]  # the filter sees a little of what lies beside
    assert (inner == RED).all()


@pytest.mark.parametrize("at_least", [16, 32, 100, 224, 601])
def test_a_large_jpeg_is_decoded_small_but_large_enough(at_least: int) -> None:
    content = encode(Image.new("RGB", (1600, 1200), GREEN), "JPEG")
    assert read_image(content).size == (1600, 1200)
    assert at_least <= min(read_image(content, at_least).size)
    assert (min(read_image(content, at_least).size) < 1200) == (at_least <= 300)


def test_resize_is_antialiased() -> None:
    checks = np.indices((256, 256)).sum(axis=0) % 2 * 255
    board = Image.fromarray(checks.astype(np.uint8)).convert("RGB")
    assert np.abs(to_array(board, 32).astype(int) - 127).max() <= 3
    uneven = board.crop((0, 0, 250, 250))
    assert np.abs(to_array(uneven, 32).astype(int) - 127).max() <= 10


@pytest.mark.parametrize("turned", [False, True])
def test_the_centre_square_is_kept(turned: bool) -> None:
    image = Image.new("RGB", (96, 32), RED)
    image.paste(GREEN, (32, 0, 64, 32))
    image = image.transpose(Image.Transpose.ROTATE_90) if turned else image
    assert (to_array(image, 32) == GREEN).all()


@pytest.mark.parametrize("file_format", FORMATS)
def test_damaged_bytes_raise_nothing_but_invalid_image(file_format: str) -> None:
    rng = np.random.default_rng(0)
    whole = encode(picture(32), file_format)
    read = 0
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 9)):
            content[place] = rng.integers(256)
        if rng.random() < 0.3:
            del content[int(rng.integers(len(whole))) :]
        try:
            read += to_array(read_image(bytes(content), min_side=32), 32).shape == (32, 32, 3)
        except InvalidImage as error:
            assert str(error).endswith(".")
    assert read < 60


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "the note that Git LFS leaves"),
        (b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 100, "a camera's raw picture"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a camera's raw picture"),
        (b"\0\0\1\0\1\0\x10\x10", "an icon"),
        (b"gimp xcf v011\0", "a GIMP picture"),
        (b"Rar!\x1a\7\1\0", "a RAR archive"),
        (b"7z\xbc\xaf'\x1c\0\4", "a 7-Zip archive"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "a video"),
        (b"\0" * 5000, "its content is of no known kind"),
        (b"\0" * 128 + b"DICM", "its content is of no known kind"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "it starts as AVIF pictures do, but is damaged or cut off"),
        (b"RIFF\0\1\0\0WEBPVP8 ", "it starts as WebP pictures do, but is damaged or cut off"),
    ],
)
def test_what_is_dropped_by_mistake_is_named(content: bytes, words: str) -> None:
    with pytest.raises(InvalidImage) as caught:
        read_image(content)
    assert words in str(caught.value)


def test_a_tiff_of_far_more_strips_than_rows_is_refused_before_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def strips(count: int, order: str = "<", big: bool = False) -> bytes:
        head, number, entry = ("Q", "Q", "HHQQ") if big else ("I", "H", "HHII")
        begin = 16 if big else 8
        start = begin + struct.calcsize(f"{order}{number}") + 9 * struct.calcsize(order + entry) + 8
        values = struct.pack(f"{order}{count}I", *[start] * count) + struct.pack(f"{order}{count}I", *[1] * count)
        entries = [(256, 1, 40), (257, 1, 30), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, count, start)]
        entries += [(277, 1, 1), (278, 1, 1), (279, count, start + 4 * count)]
        listed = b"".join(struct.pack(order + entry, tag, 4, length, value) for tag, length, value in entries)
        prefix = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}H", 43 if big else 42)
        prefix += struct.pack(f"{order}HH", 8, 0) if big else b""
        content = prefix + struct.pack(order + head, begin) + struct.pack(order + number, len(entries)) + listed
        return content.ljust(start, b"\0") + values

    def refuse_to_open(*_arguments: object, **_options: object) -> None:
        pytest.fail("Pillow makes an object of each strip")

    assert read_image(strips(30)).size == read_image(strips(30, ">")).size == (40, 30)
    many = [strips(MAX_TILES + 1, order, big) for order, big in (("<", False), (">", False), ("<", True))]
    monkeypatch.setattr(Image, "open", refuse_to_open)
    for content in many:
        with pytest.raises(InvalidImage, match="it starts as TIFF pictures do, but is damaged"):
            read_image(content)


def test_pillow_prints_nothing_beside_our_sentence(tmp_path: Path) -> None:
    content = bytearray(encode(picture(), "TIFF"))
    place = content.index(struct.pack("<HHI", 277, 3, 1)) + 8  # samples per pixel
    content[place : place + 2] = struct.pack("<H", 1025)
    (tmp_path / "wrong.tif").write_bytes(content)
    # In a process of its own: pytest listens to all loggers, and so keeps Python from printing.
    code = "import sys; from model.images.decoder import read_image; read_image(open(sys.argv[1], 'rb').read())"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "wrong.tif"], capture_output=True, text=True)
    assert done.stderr.startswith("Traceback") and "InvalidImage: This file is not an image" in done.stderr
