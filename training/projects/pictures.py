"""Measure a picture as it comes into a project: its size, brightness and sharpness, and a perceptual hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from model.images.decoder import process_image
from model.images.thumbnails import thumbnail

_NEEDED = 256  # pixels that the shorter side is decoded at, at least, where it has as many
_HASH_SIDE = 16  # a bit for each pixel of this square: whether it is brighter than its left neighbour
SHARPNESS_SIDE = 256  # pixels of the longer side that sharpness is measured at


@dataclass(frozen=True)
class Examined:
    """A picture's file and what was measured of it.

    Attributes:
        sha256: Of the file's bytes, in hexadecimal digits.
        content: The bytes as they came.
        thumbnail: A small square JPEG.
        side: Pixels of the shorter side; of a large JPEG, those that it was decoded at.
        brightness: Mean luminance, 0 to 1.
        sharpness: The variance of the Laplacian of the luminance, 0 to 1 a pixel, times 10,000.
        likeness: A perceptual hash: 256 bits that hardly change with size and compression, packed into 32 bytes.
    """

    sha256: str
    content: bytes
    thumbnail: bytes
    side: int
    brightness: float
    sharpness: float
    likeness: bytes


def examine(content: bytes) -> Examined:
    """Decode a picture once and measure it.

    Raises:
        InvalidImage: The bytes are not a picture that can be read.
    """
    return process_image(content, lambda image: _measure(content, image), min_side=_NEEDED)


def _measure(content: bytes, image: Image.Image) -> Examined:
    grey = image.convert("L")
    grey.thumbnail((SHARPNESS_SIDE, SHARPNESS_SIDE), reducing_gap=2.0)
    light = np.asarray(grey, np.float32) / 255
    return Examined(
        hashlib.sha256(content).hexdigest(),
        content,
        thumbnail(image),
        min(image.size),
        float(light.mean()),
        sharpness(light),
        difference_hash(grey),
    )


def sharpness(light: np.ndarray) -> float:
    """Return the variance of the Laplacian of luminance, float (height, width), times 10,000.

    J. L. Pech-Pacheco et al., ICPR 2000, doi 10.1109/ICPR.2000.903548.
    """
    if min(light.shape) < 3:
        return 0.0
    around = light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:]
    return float((around - 4 * light[1:-1, 1:-1]).var() * 10_000)


def difference_hash(grey: Image.Image) -> bytes:
    """Return 32 bytes, a bit for each place of a 16 x 16 square that is brighter than the one on its left.

    N. Krawetz, "Kind of Like That", hackerfactor.com, 2013.
    """
    small = np.asarray(grey.resize((_HASH_SIDE + 1, _HASH_SIDE), Image.Resampling.BOX), np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes()
