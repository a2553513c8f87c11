from __future__ import annotations

import io

import numpy as np
from PIL import Image

from dashboard.components.heat_map import SIDE, colorize, display_shape, visible_part


def test_a_map_is_dark_for_nothing_and_bright_for_much() -> None:
    marks = np.zeros((8, 8), np.float32)
    marks[:4] = 1.0
    grey = np.asarray(colorize(marks, display_shape(marks)).convert("L"))
    assert grey.shape == (SIDE, SIDE)
    assert grey[10].min() > 230 and grey[-10].max() < 10


def test_the_picture_under_it_is_the_square_that_the_network_sees() -> None:
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    buffer = io.BytesIO()
    wide.save(buffer, "PNG")
    square = np.asarray(visible_part(buffer.getvalue(), display_shape(np.zeros((8, 8)))))
    assert square.shape == (SIDE, SIDE, 3)
    assert (square[:, 20:-20, 2] > 200).all() and (square[:, 20:-20, 0] < 50).all()


def test_map_and_picture_keep_the_proportions_of_an_oblong_network() -> None:
    marks = np.zeros((8, 32), np.float32)
    marks[:, :16] = 1.0
    shape = display_shape(marks)
    assert shape == (SIDE // 4, SIDE, 3)
    grey = np.asarray(colorize(marks, shape).convert("L"))
    assert grey.shape == (SIDE // 4, SIDE)
    assert grey[:, 10].min() > 230 and grey[:, -10].max() < 10
    tall = Image.new("RGB", (100, 100), "red")
    tall.paste("blue", (0, 40, 100, 60))
    buffer = io.BytesIO()
    tall.save(buffer, "PNG")
    strip = np.asarray(visible_part(buffer.getvalue(), shape))
    assert strip.shape == (SIDE // 4, SIDE, 3)
    assert (strip[30:-30, :, 2] > 200).all() and (strip[:4, :, 0] > 200).all()
