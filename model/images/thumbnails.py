"""Pictures as files for a page and for the history: small JPEGs, and pixels as they are."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from model.images.decoder import centre, to_picture
from model.signature.shapes import InputShape

SIDE = 160


def jpeg(picture: Image.Image, side: int) -> bytes:
    """The whole picture with its longer side at most `side`."""
    small = picture.copy()
    small.thumbnail((side, side), reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def thumbnail(picture: Image.Image, side: int = SIDE) -> bytes:
    """The centre square of the picture, side x side."""
    return jpeg(centre(picture, InputShape(side, side)), side)


def png(image: np.ndarray) -> bytes:
    """A picture, uint8 (height, width, 3 or 1), with every pixel as it is."""
    buffer = io.BytesIO()
    to_picture(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
