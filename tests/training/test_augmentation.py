from __future__ import annotations

import numpy as np
import pytest

from tests.drawn import draw_images
from training.augmentation import TrainingBatches, augment, compress, shift
from training.recipe import AugmentationSettings

EVERYTHING = AugmentationSettings(flip="alternating", shift=2, jpeg=0.5)
NOTHING = AugmentationSettings()


def batches(
    n: int, settings: AugmentationSettings, batch_size: int = 16, seed: int = 0, epoch: int = 0
) -> TrainingBatches:
    """Every picture is its own class, so that a target tells which picture it was."""
    return TrainingBatches(draw_images(n, 16), np.arange(n), n, settings, batch_size, seed, epoch)


def shown(source: TrainingBatches) -> dict[int, np.ndarray]:
    """One epoch: the number of each picture with what was shown of it."""
    pairs = [source[batch] for batch in range(len(source))]
    return {
        int(target.argmax()): image for images, targets in pairs for image, target in zip(images, targets, strict=True)
    }


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


def test_alternating_flip_shows_each_side_every_other_epoch() -> None:
    source = batches(64, AugmentationSettings(flip="alternating"))
    epochs = []
    for _ in range(3):
        epochs.append(shown(source))
        source.on_epoch_end()
    turned = 0
    for number, original in enumerate(source.images):
        first, second, third = (epoch[number] for epoch in epochs)
        assert np.array_equal(second, first[:, ::-1])
        assert np.array_equal(third, first)
        assert np.array_equal(first, original) or np.array_equal(second, original)
        turned += np.array_equal(second, original)
    assert 20 <= turned <= 44


def test_random_flip_turns_about_half() -> None:
    source = batches(256, AugmentationSettings(flip="random"), 64)
    turned = [np.array_equal(image[:, ::-1], source.images[number]) for number, image in shown(source).items()]
    assert 100 <= sum(turned) <= 156


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.3, 95, 145), (1.0, 400, 400)])
def test_jpeg_changes_about_its_share(share: float, low: int, high: int) -> None:
    images = draw_images(400, 16)
    before = images.copy()
    after = compress(images, share, (50, 95), np.random.default_rng(0))
    changed = (after != images).any(axis=(1, 2, 3))
    assert low <= changed.sum() <= high
    assert np.array_equal(images, before)
    if share:
        assert np.abs(after[changed].astype(int) - images[changed]).mean() < 40  # the picture is still there


def test_lower_quality_changes_more() -> None:
    images = draw_images(60, 16)
    coarse, fine = (compress(images, 1.0, (quality, quality), np.random.default_rng(0)) for quality in (20, 95))
    assert np.abs(coarse.astype(int) - images).mean() > np.abs(fine.astype(int) - images).mean()


def test_no_setting_leaves_pictures_alone() -> None:
    images = draw_images(8, 16)
    assert np.array_equal(augment(images, np.arange(8), NOTHING, 1, 0, np.random.default_rng(0)), images)


def test_each_picture_is_shown_once_an_epoch() -> None:
    source = batches(64, EVERYTHING)
    assert sorted(shown(source)) == list(range(64))
    source = batches(70, EVERYTHING)
    assert (len(source), len(shown(source))) == (4, 64)  # the last 6 would make a smaller batch
    assert all(len(images) == len(targets) == 16 for images, targets in (source[batch] for batch in range(4)))


def test_fewer_pictures_than_a_batch_make_one_batch() -> None:
    source = batches(10, EVERYTHING, 64)
    assert (len(source), len(shown(source))) == (1, 10)


def test_batches_repeat_for_the_same_seed_and_epoch() -> None:
    first, again, other = batches(64, EVERYTHING), batches(64, EVERYTHING), batches(64, EVERYTHING, seed=1)
    for batch in (3, 0, 2, 1):  # in any order
        assert np.array_equal(first[batch][0], again[batch][0])
        assert np.array_equal(first[batch][1], again[batch][1])
    assert not np.array_equal(first[0][1], other[0][1])


def test_epochs_differ_and_can_be_entered_anywhere() -> None:
    source, resumed = batches(64, EVERYTHING), batches(64, EVERYTHING)
    before = shown(source)
    source.on_epoch_end()
    source.on_epoch_end()
    after = shown(source)
    assert list(before) != list(after)
    assert any(not np.array_equal(before[number], after[number]) for number in before)
    resumed.start_at(2)
    assert all(np.array_equal(image, after[number]) for number, image in shown(resumed).items())


def test_draws_differ_between_epochs_and_batches() -> None:
    same = np.repeat(draw_images(1, 16), 32, axis=0)
    source = TrainingBatches(same, np.arange(32), 32, AugmentationSettings(shift=2), 16, seed=0)
    first, beside = source[0][0], source[1][0]
    source.on_epoch_end()
    assert not np.array_equal(first, beside)
    assert not np.array_equal(first, source[0][0])


def test_the_source_pictures_stay_as_they_are() -> None:
    source = batches(32, EVERYTHING)
    shown(source)
    assert np.array_equal(source.images, draw_images(32, 16))
