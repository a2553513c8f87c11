"""Encode pictures for the page and the history: small JPEGs, and PNGs of exact pixels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from model.images.decoder import array_to_image, centre_crop
from model.signature.shapes import InputShape

THUMBNAIL_SIDE = 160


def encode_jpeg(picture: Image.Image, side: int) -> bytes:
    """Encode the whole picture as a JPEG whose longer side is at most `side` pixels."""
    small = picture.copy()
    small.thumbnail((side, side), reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def thumbnail(picture: Image.Image, side: int = THUMBNAIL_SIDE) -> bytes:
    """Encode the centre of the picture as a square JPEG of side x side pixels."""
    return encode_jpeg(centre_crop(picture, InputShape(side, side)), side)


def encode_png(image: np.ndarray) -> bytes:
    """Encode an image, uint8 (height, width, 3 or 1), as a PNG that keeps every pixel."""
    buffer = io.BytesIO()
    array_to_image(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
