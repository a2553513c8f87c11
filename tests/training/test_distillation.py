from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.bundle import BUNDLES, read_card, sha256, write_card
from model.splits import Dataset
from tests.drawn import save_untrained
from training import distillation
from training.augmentation import augment
from training.callbacks import TrainingError
from training.distillation import ANSWERS, DistilledBatches, load_teacher, soften, teacher_answers, view
from training.fit import fit
from training.history import read_run
from training.recipe import AugmentationSettings, DistillationSettings, ModelSettings, Recipe, RecipeError
from training.recipefile import load_recipe

RECIPE = Recipe(
    name="pupil",
    epochs=5,
    batch_size=16,
    seed=5,
    precision="float32",
    model=ModelSettings("residual", input_size=16, widths=(4, 8), depth=1),
    augmentation=AugmentationSettings(flip="alternating", shift=2),
)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    save_untrained(tmp_path / "teacher", size=16)
    return tmp_path / "teacher"


def taught(teacher: Path, views: int = 2) -> Recipe:
    return dataclasses.replace(RECIPE, distillation=DistillationSettings(str(teacher), 2.0, views))


def test_softening_divides_the_logits() -> None:
    logits = np.array([[2.0, 0.0, -1.0]])
    sharp, soft = (np.exp(logits / t) / np.exp(logits / t).sum() for t in (1.0, 3.0))
    np.testing.assert_allclose(soften(sharp, 3.0), soft, rtol=1e-6)
    np.testing.assert_allclose(soften(np.array([[1.0, 0.0]]), 2.0), [[1 / 1.001, 0.001 / 1.001]], rtol=1e-5)


def test_the_targets_are_the_teachers_answers_to_the_same_pictures(
    teacher: Path, dataset: Dataset, tmp_path: Path
) -> None:
    recipe = taught(teacher)
    answers = teacher_answers(recipe, dataset, tmp_path, "float32", lambda text: None)
    assert answers.shape == (2, len(dataset.train), 3) and answers.dtype == np.float16
    batches = DistilledBatches(dataset.train, 3, recipe, answers)
    network = load_teacher(teacher / "model.keras", "float32")
    for epoch in (0, 1):
        batches.start_at(epoch)
        images, targets = batches[1]
        assert images.dtype == np.uint8
        np.testing.assert_allclose(targets, soften(network.predict_on_batch(images), 2.0), atol=2e-3)
    batches.start_at(2)  # the first view again, mirrored
    images, _ = batches[0]
    np.testing.assert_array_equal(images, view(dataset.train, 0, recipe)[batches.order[:16]][:, :, ::-1])


def test_views_differ_and_repeat(dataset: Dataset) -> None:
    first, again, second = (view(dataset.train, number, RECIPE) for number in (0, 0, 1))
    assert (first == again).all() and (first != second).any()


def test_answers_go_on_where_they_were_cut_off(
    teacher: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = teacher_answers(taught(teacher, 3), dataset, tmp_path, "float32", lambda text: None)
    (tmp_path / ANSWERS).unlink()
    teacher_answers(taught(teacher, 1), dataset, tmp_path, "float32", lambda text: None)
    said: list[str] = []
    again = teacher_answers(taught(teacher, 3), dataset, tmp_path, "float32", said.append)
    assert said == [f"the teacher teacher answers view {number} of 3" for number in (2, 3)]
    np.testing.assert_array_equal(whole, again)
    monkeypatch.setattr(distillation, "load_teacher", lambda path, policy: pytest.fail("all was answered"))
    teacher_answers(taught(teacher, 3), dataset, tmp_path, "float32", said.append)


def test_answers_of_another_teacher_are_not_taken(teacher: Path, dataset: Dataset, tmp_path: Path) -> None:
    teacher_answers(taught(teacher, 1), dataset, tmp_path, "float32", lambda text: None)
    made_from = sha256(teacher / "model.keras")
    assert len(distillation.read_answers(tmp_path / ANSWERS, made_from, len(dataset.train))) == 1
    assert distillation.read_answers(tmp_path / ANSWERS, "0" * 64, len(dataset.train)) == []
    assert distillation.read_answers(tmp_path / ANSWERS, made_from, 7) == []


def test_a_pupil_learns_from_a_teacher_alone(dataset: Dataset, tmp_path: Path) -> None:
    """The pupil never sees a label: its training labels are all wrong, its validation labels right."""
    expert = fit(
        dataclasses.replace(RECIPE, epochs=8, label_smoothing=0.1), dataset, tmp_path / "first", tmp_path / "expert"
    )
    lies = dataclasses.replace(dataset.train, labels=(dataset.train.labels + 1) % 3)
    lied_to = dataclasses.replace(dataset, train=lies)
    recipe = dataclasses.replace(taught(expert.bundle), epochs=8)
    fit(recipe, lied_to, tmp_path / "second", tmp_path / "pupil")
    run = read_run(tmp_path / "second")
    assert run.accuracy["shapes test, all 36"]["keras"] > 0.8
    assert not (tmp_path / "second" / ANSWERS).exists()


def test_a_teacher_may_know_the_classes_in_another_order(teacher: Path, dataset: Dataset, tmp_path: Path) -> None:
    answers = teacher_answers(taught(teacher, 1), dataset, tmp_path, "float32", print)
    card = read_card(teacher)
    turned = shutil.copytree(teacher, tmp_path / "turned")
    write_card(turned, dataclasses.replace(card, classes=tuple(name.title() for name in reversed(card.classes))))
    again = teacher_answers(taught(turned, 1), dataset, tmp_path, "float32", print)
    np.testing.assert_array_equal(again, answers[..., ::-1])


def test_a_teacher_of_other_classes_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    save_untrained(tmp_path / "stranger", ("cat", "dog", "frog"), 16)
    with pytest.raises(TrainingError, match="stranger knows cat, dog, frog at 16 x 16 pixels; the data has circle"):
        teacher_answers(taught(tmp_path / "stranger"), dataset, tmp_path, "float32", print)


def test_an_unknown_teacher_is_named(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"distillation.teacher: unknown model 'nobody'; models: default"):
        teacher_answers(taught(Path("nobody")), dataset, tmp_path, "float32", print)


def test_distillation_and_pruning_do_not_go_together() -> None:
    with pytest.raises(RecipeError, match="do not go together"):
        load_recipe("fast", ("distillation.teacher=fast", "schedule.prune=0.5"))


def test_the_teacher_answers_alike_under_mixed_precision() -> None:
    images = augment(
        np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), np.uint8), np.arange(20), np.zeros(20), RECIPE,
        np.random.default_rng(1),
    )  # fmt: skip
    path = BUNDLES / "fast" / "model.keras"
    plain, mixed = (load_teacher(path, policy).predict_on_batch(images) for policy in ("float32", "mixed_bfloat16"))
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, plain, atol=0.1)
