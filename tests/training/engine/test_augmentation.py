from __future__ import annotations

import numpy as np
import pytest

from tests.drawn import draw_images
from training.engine.augmentation import (
    augment,
    compress_some,
    cutout,
    enlarge,
    random_crop,
    resize,
    rotate_and_zoom,
    shift,
)
from training.recipes.recipe import AugmentationSettings, Recipe


def test_shift_moves_the_picture_and_mirrors_its_edges() -> None:
    columns = np.broadcast_to(np.arange(8, dtype=np.uint8)[None, None, :, None], (200, 8, 8, 3))
    moved = shift(columns, 2, np.random.default_rng(0))[:, 0, :, 0]
    possible = {
        (2, 1, 0, 1, 2, 3, 4, 5),
        (1, 0, 1, 2, 3, 4, 5, 6),
        (0, 1, 2, 3, 4, 5, 6, 7),
        (1, 2, 3, 4, 5, 6, 7, 6),
        (2, 3, 4, 5, 6, 7, 6, 5),
    }
    assert {tuple(row.tolist()) for row in moved} == possible


def test_shift_moves_rows_and_columns_apart() -> None:
    places = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    moved = shift(np.broadcast_to(places, (300, 8, 8, 3)), 1, np.random.default_rng(0))
    assert set(moved[:, 4, 4, 0].tolist()) == {27, 28, 29, 35, 36, 37, 43, 44, 45}


def test_crop_cuts_every_piece_somewhere() -> None:
    places = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    pieces = random_crop(np.broadcast_to(places, (300, 8, 8, 3)), 6, np.random.default_rng(0))
    assert pieces.shape == (300, 6, 6, 3)
    assert set(pieces[:, 0, 0, 0].tolist()) == {0, 1, 2, 8, 9, 10, 16, 17, 18}
    assert (np.diff(pieces[:, :, :, 0].astype(int), axis=1) == 8).all()  # nothing is stretched
    whole = draw_images(2)
    assert (random_crop(whole, 32, np.random.default_rng(0)) == whole).all()


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.3, 95, 145), (1.0, 400, 400)])
def test_jpeg_changes_about_its_share(share: float, low: int, high: int) -> None:
    images = draw_images(400, 16)
    before = images.copy()
    after = compress_some(images, share, (50, 95), np.random.default_rng(0))
    changed = (after != images).any(axis=(1, 2, 3))
    assert low <= changed.sum() <= high
    assert np.array_equal(images, before)
    if share:
        assert np.abs(after[changed].astype(int) - images[changed]).mean() < 40  # the picture is still there


def test_lower_quality_changes_more() -> None:
    images = draw_images(60, 16)
    coarse, fine = (compress_some(images, 1.0, (quality, quality), np.random.default_rng(0)) for quality in (20, 95))
    assert np.abs(coarse.astype(int) - images).mean() > np.abs(fine.astype(int) - images).mean()


def test_no_setting_leaves_pictures_alone() -> None:
    images = draw_images(8, 16)
    assert np.array_equal(augment(images, np.arange(8), np.ones(8), Recipe(), np.random.default_rng(0)), images)


def test_cutout_greys_one_whole_square() -> None:
    images = np.full((50, 16, 16, 3), 250, np.uint8)
    after = cutout(images, 5, np.random.default_rng(0))
    grey = (after != 250).all(axis=-1)
    assert (grey.sum(axis=(1, 2)) == 25).all()
    assert all(np.ptp(np.argwhere(mask), axis=0).tolist() == [4, 4] for mask in grey)
    assert len({tuple(np.argwhere(mask)[0]) for mask in grey}) > 20
    assert (images == 250).all()
    assert (cutout(images, 40, np.random.default_rng(0)) != 250).all()


def test_turning_by_nothing_changes_nothing() -> None:
    images = draw_images(4, 16)
    assert np.array_equal(rotate_and_zoom(images, 0.0, 0.0, np.random.default_rng(0)), images)


class Always:
    """Draws the upper end of every range."""

    def uniform(self, low: float, high: float, n: tuple[int]) -> np.ndarray:
        return np.full(n, high)


def test_a_quarter_turn_is_clockwise_and_exact() -> None:
    images = draw_images(4, 16)
    turned = rotate_and_zoom(images, 90.0, 0.0, Always())  # type: ignore[arg-type]
    assert np.abs(turned.astype(int) - np.rot90(images, -1, axes=(1, 2))).max() <= 1


def test_zoom_enlarges_about_the_middle() -> None:
    images = np.zeros((1, 32, 32, 3), np.uint8)
    images[:, 12:20, 12:20] = 255
    larger = rotate_and_zoom(images, 0.0, 0.5, Always())  # type: ignore[arg-type]
    rows = np.flatnonzero(larger[0, 16, :, 0] > 127)
    assert (rows[0], rows[-1]) == (10, 21)  # 12 pixels wide, still in the middle


def test_resize_averages_what_it_drops() -> None:
    stripes = np.zeros((2, 32, 32, 3), np.uint8)
    stripes[:, :, ::2] = 200
    small = resize(stripes, 16)
    assert small.shape == (2, 16, 16, 3)
    assert np.abs(small[:, :, 1:-1].astype(int) - 100).max() <= 12
    assert resize(stripes, 32) is stripes


def test_enlarging_keeps_the_middle_in_sight_and_moves_the_edges() -> None:
    columns = np.broadcast_to(np.arange(0, 256, 16, dtype=np.uint8)[None, None, :, None], (200, 16, 16, 3))
    made = enlarge(columns, 64, AugmentationSettings(enlarge=1.5), np.random.default_rng(0))
    rows = made[:, 32, :, 0].astype(int)
    assert made.shape == (200, 64, 64, 3)
    widths = rows[:, -1] - rows[:, 0]
    assert widths.min() < 175 and widths.max() > 225  # two thirds of the tile to all of it
    assert (rows[:, 0] > 60).any() and (rows[:, -1] < 180).any()  # cut anywhere
    assert (np.diff(rows, axis=1) >= 0).all()


def test_every_other_enlarged_picture_is_sharpened() -> None:
    images = draw_images(100, 16)
    plain = enlarge(images, 48, AugmentationSettings(), np.random.default_rng(0))
    np.testing.assert_array_equal(plain, resize(images, 48))
    sharp = enlarge(images, 48, AugmentationSettings(sharpen=2.0), np.random.default_rng(0))
    changed = (sharp != plain).any(axis=(1, 2, 3))
    assert 35 <= changed.sum() <= 65
    assert sharp[changed].astype(float).std() > plain[changed].astype(float).std()


def test_half_of_the_enlarged_pictures_are_whole_and_fill_a_part_of_one_colours_ground() -> None:
    tiles = np.zeros((400, 16, 16, 3), np.uint8)
    tiles[:, :, ::2], tiles[:, :, 1::2] = (255, 0, 255), (0, 255, 0)  # unlike any ground of one colour
    made = enlarge(tiles, 64, AugmentationSettings(shrink=0.5), np.random.default_rng(0))
    plain = resize(tiles[:1], 64)[0]
    shrunk = made[(made != plain).any(axis=(1, 2, 3))]
    assert 160 <= len(shrunk) <= 240
    sides, corners = [], []
    for picture in shrunk:
        varied = (np.ptp(picture.astype(int), axis=1) > 0).any(axis=1)  # rows that show a piece of the tile
        height = int(varied.sum())
        outside = picture[~varied].reshape(-1, 3)
        assert 32 <= height <= 64
        assert (outside == outside[:1]).all()
        sides.append(height)
        corners.append(int(varied.argmax()))
    assert min(sides) < 36 and max(sides) > 60
    assert 0 in corners and max(corners) > 20
