from __future__ import annotations

import numpy as np

from model.datasets.resized import Resized, own_images
from model.datasets.splits import Split, split_fingerprint
from model.signature.shapes import InputShape
from tests.drawn import draw_images


def test_it_reads_like_the_array_of_its_images() -> None:
    images = draw_images(5, 16)
    lazy = Resized(images, InputShape(24, 40))
    whole = np.asarray(lazy)
    assert lazy.shape == whole.shape == (5, 24, 40, 3) and lazy.dtype == whole.dtype and len(lazy) == 5
    np.testing.assert_array_equal(lazy[1:4], whole[1:4])
    np.testing.assert_array_equal(lazy[np.array([4, 0])], whole[[4, 0]])
    np.testing.assert_array_equal(lazy[-1], whole[-1])
    assert lazy[:0].shape == (0, 24, 40, 3)


def test_a_part_of_a_split_keeps_the_size_and_the_own_images() -> None:
    split = Split(draw_images(6, 16), np.arange(6)).at_size(48)
    part = split.take(np.array([5, 2]))
    assert part.images.shape == (2, 48, 48, 3) and part.labels.tolist() == [5, 2]
    assert own_images(part.images).shape == (2, 16, 16, 3)
    assert isinstance(part.at_size(16).images, np.ndarray)


def test_a_split_is_the_same_data_at_every_size() -> None:
    split = Split(draw_images(3, 16), np.arange(3))
    assert split_fingerprint(split) == split_fingerprint(split.at_size(48))
