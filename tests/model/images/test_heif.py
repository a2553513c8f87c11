from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from model.images import decoder
from model.images.decoder import InvalidImage, read_image
from model.images.heif import is_heif
from tests.drawn import encode, picture

RED = (200, 60, 40)
HEAD = b"\0\0\0\x24ftypheic\0\0\0\0mif1MiHEmiafMiHBheic\0\0\x01\x8cmeta\0\0\0\0"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_a_heic_is_read(mode: str) -> None:
    smooth = Image.linear_gradient("L").convert(mode)
    content = encode(smooth, "HEIF", quality=95)
    assert is_heif(content)
    assert np.abs(np.asarray(read_image(content)).astype(int) - np.asarray(smooth.convert("RGB"))).max() < 4


def test_the_main_picture_of_several_counts() -> None:
    first, main = Image.new("RGB", (64, 64), "blue"), Image.new("RGB", (64, 48), RED)
    content = encode(first, "HEIF", save_all=True, append_images=[main], primary_index=1)
    assert read_image(content).size == (64, 48)


def test_an_avif_is_none() -> None:
    content = encode(picture(0), "AVIF")
    assert not is_heif(content)
    assert not is_heif(content.replace(b"ftypavif", b"ftypmif1", 1))
    assert not is_heif(b"\0\0\0\x18ftypisom\0\0\0\0isommp41")


@pytest.mark.parametrize("content", [HEAD + np.random.default_rng(0).bytes(4000), HEAD, HEAD[:16], HEAD[:30]])
def test_a_damaged_heic_is_named(content: bytes) -> None:
    with pytest.raises(InvalidImage, match="HEIC picture"):
        read_image(content)


def test_a_heic_cut_off_is_damaged() -> None:
    content = encode(picture(0), "HEIF")
    with pytest.raises(InvalidImage, match="This HEIC picture is damaged or cut off"):
        read_image(content[:-20])


def test_a_heic_holds_to_the_limit_of_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "MAX_PIXELS", 48 * 48 - 1)
    with pytest.raises(InvalidImage, match="48 x 48 pixels"):
        read_image(encode(picture(0), "HEIF"))


def test_without_the_package_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encode(picture(0), "HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InvalidImage, match=r"This is a HEIC picture, .*: pip install pillow-heif, or save .* as JPEG"):
        read_image(content)


def test_the_package_is_imported_for_a_heic_alone() -> None:
    code = """
import io, sys
from PIL import Image
from model.images.decoder import read_image
stream = io.BytesIO()
Image.new("RGB", (9, 9)).save(stream, "PNG")
read_image(stream.getvalue())
sys.exit("pillow_heif" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_many_threads_read_the_same_pictures() -> None:
    contents = [encode(picture(number, 200), "HEIF") for number in range(4)]
    alone = [read_image(content).tobytes() for content in contents]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda content: read_image(content).tobytes(), contents * 6)) == alone * 6
