from __future__ import annotations

import numpy as np
import pytest

from model.datasets.splits import Split
from tests.drawn import draw_images
from training.engine.batches import LossRecorder, SampleLosses, TrainingBatches
from training.recipes.recipe import AugmentationSettings, Recipe, ScheduleSettings

EVERYTHING = AugmentationSettings(flip="alternating", shift=2, jpeg=0.5)
PRUNED = Recipe(batch_size=10, epochs=8, schedule=ScheduleSettings(prune=0.8, prune_until=0.75))


def batches(
    n: int, settings: AugmentationSettings, batch_size: int = 16, seed: int = 0, epoch: int = 0
) -> TrainingBatches:
    """Every picture is its own class, so that a target tells which picture it was."""
    source = TrainingBatches(
        Split(draw_images(n, 16), np.arange(n)), n, Recipe(batch_size=batch_size, seed=seed, augmentation=settings)
    )
    source.start_at(epoch)
    return source


def shown(source: TrainingBatches) -> dict[int, np.ndarray]:
    """One epoch: the number of each picture with what was shown of it."""
    pairs = [source[batch] for batch in range(len(source))]
    return {
        int(target.argmax()): image for images, targets in pairs for image, target in zip(images, targets, strict=True)
    }


def test_alternating_flip_shows_each_side_every_other_epoch() -> None:
    source = batches(64, AugmentationSettings(flip="alternating"))
    epochs = []
    for _ in range(3):
        epochs.append(shown(source))
        source.on_epoch_end()
    turned = 0
    for number, original in enumerate(source.train.images):
        first, second, third = (epoch[number] for epoch in epochs)
        assert np.array_equal(second, first[:, ::-1])
        assert np.array_equal(third, first)
        assert np.array_equal(first, original) or np.array_equal(second, original)
        turned += np.array_equal(second, original)
    assert 20 <= turned <= 44


def test_random_flip_turns_about_half() -> None:
    source = batches(256, AugmentationSettings(flip="random"), 64)
    turned = [np.array_equal(image[:, ::-1], source.train.images[number]) for number, image in shown(source).items()]
    assert 100 <= sum(turned) <= 156


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
    recipe = Recipe(batch_size=16, augmentation=AugmentationSettings(shift=2))
    source = TrainingBatches(Split(same, np.arange(32)), 32, recipe)
    first, beside = source[0][0], source[1][0]
    source.on_epoch_end()
    assert not np.array_equal(first, beside)
    assert not np.array_equal(first, source[0][0])


def test_the_source_pictures_stay_as_they_are() -> None:
    source = batches(32, EVERYTHING)
    shown(source)
    assert np.array_equal(source.train.images, draw_images(32, 16))


def pruned(n: int = 400) -> TrainingBatches:
    return TrainingBatches(Split(draw_images(n, 16), np.zeros(n, np.int64)), 2, PRUNED)


def test_easy_pictures_come_less_often() -> None:
    source = pruned()
    assert sorted(source.order) == list(range(400))  # nothing is known of them yet
    source.losses[:] = np.where(np.arange(400) < 300, 0.1, 2.0)
    counts = np.zeros(400)
    for epoch in range(1, 6):
        source.start_at(epoch)
        assert len(source.order) == len(source.turns) == 400
        counts += np.bincount(source.order, minlength=400)
    # A pass shows 20 % of the easy ones: 160 pictures, so that an epoch makes 2.5 passes.
    assert 10 < counts[300:].mean() <= 15
    assert 0.15 < counts[:300].mean() / counts[300:].mean() < 0.25


def test_a_picture_alternates_from_pass_to_pass() -> None:
    source = pruned()
    source.losses[:] = np.where(np.arange(400) < 300, 0.1, 2.0)
    source.start_at(3)
    assert [int(turn) for turn in np.unique(source.turns)] in ([3, 4, 5], [3, 4, 5, 6])
    assert (np.diff(source.turns) >= 0).all()


def test_in_the_end_every_picture_counts_again() -> None:
    source = pruned()
    source.losses[:] = np.arange(400)
    source.start_at(6)
    assert sorted(source.order) == list(range(400))


def test_losses_are_remembered_by_picture() -> None:
    source = pruned()
    metric = SampleLosses(16, label_smoothing=0.0)
    answers = np.full((10, 2), 0.5, np.float32)
    answers[3] = [0.25, 0.75]
    metric.update_state(source[2][1], answers)
    recorder = LossRecorder(source, metric)
    recorder.on_train_batch_end(2)
    known = np.isfinite(source.losses)
    assert sorted(np.flatnonzero(known)) == sorted(source.order[20:30])
    assert source.losses[source.order[23]] == pytest.approx(-np.log(0.25))
    again = LossRecorder(pruned(), metric)
    again.load_state(recorder.state())
    assert np.array_equal(again.batches.losses, source.losses)


@pytest.mark.parametrize("smaller", ["resized", "cropped"])
def test_smaller_pictures_are_shrunk_or_cut_out(smaller: str) -> None:
    train = Split(draw_images(20, 16), np.arange(20))
    source = TrainingBatches(train, 20, Recipe(batch_size=20, schedule=ScheduleSettings(smaller=smaller)))
    source.size = 12
    images, targets = source[0]
    assert images.shape == (20, 12, 12, 3)
    for image, target in zip(images, targets, strict=True):
        whole = train.images[int(target.argmax())]
        inside = any(
            np.array_equal(image, whole[top : top + 12, left : left + 12]) for top in range(5) for left in range(5)
        )
        assert inside == (smaller == "cropped")
    again, _ = source[0]
    assert np.array_equal(again, images)
