from __future__ import annotations

import io

import numpy as np
from PIL import Image

from model.images.thumbnails import thumbnail


def test_a_thumbnail_is_the_very_centre() -> None:
    row = np.array([0, 90, 240, 90, 0], np.uint8)
    picture = Image.fromarray(np.repeat(np.tile(row, (2, 1))[..., None], 3, axis=2))
    seen = np.asarray(Image.open(io.BytesIO(thumbnail(picture, 32)))).astype(int)
    assert seen.shape == (32, 32, 3)
    assert np.abs(seen - seen[:, ::-1]).max() <= 8  # a mirror image of itself, but for what JPEG loses
