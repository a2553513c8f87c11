from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model.datasets.resized import show_at
from model.datasets.splits import Dataset
from model.inference.classifier import Classifier
from model.registry.card import Card, read_card, write_card
from model.registry.locations import BUNDLES
from model.signature.outputs import softmax
from model.signature.scaling import SCALINGS
from model.signature.shapes import InputShape
from tests.drawn import save_untrained
from training.engine import distillation
from training.engine.augmentation import augment
from training.engine.callbacks import TrainingError
from training.engine.distillation import (
    ANSWERS_FILE,
    DistilledBatches,
    augmented_view,
    load_teacher,
    soften,
    teacher_answers,
)
from training.engine.fit import fit
from training.recipes.recipe import AugmentationSettings, DistillationSettings, ModelSettings, Recipe, RecipeError
from training.recipes.recipe_file import load_recipe
from training.runs.run import read_run

pytestmark = pytest.mark.train

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
    np.testing.assert_array_equal(images, augmented_view(dataset.train, 0, recipe)[batches.order[:16]][:, :, ::-1])


def test_several_teachers_count_equally_and_each_sees_its_own_size(
    teacher: Path, dataset: Dataset, tmp_path: Path
) -> None:
    save_untrained(tmp_path / "larger", size=24)
    settings = DistillationSettings(str(teacher), 2.0, 1)
    both = dataclasses.replace(RECIPE, distillation=dataclasses.replace(settings, others=(str(tmp_path / "larger"),)))
    said: list[str] = []
    answers = teacher_answers(both, dataset, tmp_path, "float32", said.append)
    assert said == ["the teacher teacher answers view 1 of 1", "the teacher larger answers view 1 of 1"]
    view = augmented_view(dataset.train, 0, both)
    expected = [
        Classifier.load(folder, "keras").probabilities(show_at(view, InputShape(size, size, 3)))
        for folder, size in ((teacher, 16), (tmp_path / "larger", 24))
    ]
    assert np.abs(expected[0] - expected[1]).max() > 0.02
    np.testing.assert_allclose(answers[0], np.mean(expected, axis=0), atol=2e-3)
    # One teacher's answers alone are others, and are not taken for these.
    alone = dataclasses.replace(RECIPE, distillation=settings)
    np.testing.assert_allclose(
        teacher_answers(alone, dataset, tmp_path, "float32", said.append)[0], expected[0], atol=2e-3
    )


def test_a_network_with_several_outputs_may_teach(dataset: Dataset, tmp_path: Path) -> None:
    """`photo`, which also gives `known` and ImageNet's classes, answers for tiles; only the labels count here."""
    names = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    tiles = dataclasses.replace(dataset, classes=names, train=dataset.train.take(slice(3)))
    recipe = dataclasses.replace(RECIPE, distillation=DistillationSettings("photo", 2.0, 1))
    answers = teacher_answers(recipe, tiles, tmp_path, "mixed_bfloat16", print)
    view = show_at(augmented_view(tiles.train, 0, recipe), InputShape(160, 160, 3))
    np.testing.assert_allclose(answers[0], Classifier.load("photo", "keras").probabilities(view), atol=2e-3)


def test_other_teachers_need_a_first_one() -> None:
    with pytest.raises(RecipeError, match=r"distillation.others is \['fast'\], but distillation.teacher is empty"):
        load_recipe("fast", ('distillation.others=["fast"]',))


def test_an_unknown_other_teacher_is_named(teacher: Path, dataset: Dataset, tmp_path: Path) -> None:
    settings = DistillationSettings(str(teacher), 2.0, 1, others=("nobody",))
    with pytest.raises(TrainingError, match=r"distillation.others: unknown model 'nobody'"):
        teacher_answers(
            dataclasses.replace(RECIPE, distillation=settings), dataset, tmp_path, "float32", lambda text: None
        )


def test_views_differ_and_repeat(dataset: Dataset) -> None:
    first, again, second = (augmented_view(dataset.train, number, RECIPE) for number in (0, 0, 1))
    assert (first == again).all() and (first != second).any()


def test_answers_go_on_where_they_were_cut_off(
    teacher: Path, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = teacher_answers(taught(teacher, 3), dataset, tmp_path, "float32", lambda text: None)
    (tmp_path / ANSWERS_FILE).unlink()
    teacher_answers(taught(teacher, 1), dataset, tmp_path, "float32", lambda text: None)
    said: list[str] = []
    again = teacher_answers(taught(teacher, 3), dataset, tmp_path, "float32", said.append)
    assert said == [f"the teacher teacher answers view {number} of 3" for number in (2, 3)]
    np.testing.assert_array_equal(whole, again)
    monkeypatch.setattr(distillation, "load_teacher", lambda path, policy: pytest.fail("all was answered"))
    teacher_answers(taught(teacher, 3), dataset, tmp_path, "float32", said.append)


def with_augmentation(recipe: Recipe, **changes: Any) -> Recipe:
    return dataclasses.replace(recipe, augmentation=dataclasses.replace(recipe.augmentation, **changes))


@pytest.mark.parametrize(
    "changed",
    [
        lambda recipe: dataclasses.replace(recipe, seed=6),
        lambda recipe: with_augmentation(recipe, shift=1),
        lambda recipe: with_augmentation(recipe, flip="none"),
        lambda recipe: with_augmentation(recipe, cutout=4),
        lambda recipe: with_augmentation(recipe, jpeg=1.0),
    ],
    ids=["seed", "shift", "flip", "cutout", "jpeg"],
)
def test_answers_to_other_views_are_not_taken(
    changed: Callable[[Recipe], Recipe], teacher: Path, dataset: Dataset, tmp_path: Path
) -> None:
    teacher_answers(taught(teacher, 1), dataset, tmp_path, "float32", lambda text: None)
    recipe, said = changed(taught(teacher, 1)), list[str]()
    again = teacher_answers(recipe, dataset, tmp_path, "float32", said.append)
    assert said == ["the teacher teacher answers view 1 of 1"]
    assert (again == teacher_answers(recipe, dataset, fresh(tmp_path), "float32", print)).all()


def test_answers_to_as_many_other_pictures_are_not_taken(teacher: Path, dataset: Dataset, tmp_path: Path) -> None:
    recipe = taught(teacher, 1)
    first = teacher_answers(recipe, dataset, tmp_path, "float32", print)
    others = dataclasses.replace(dataset, train=dataset.train.take(slice(None, None, -1)))
    again = teacher_answers(recipe, others, tmp_path, "float32", print)
    assert (again != first).any()
    assert (again == teacher_answers(recipe, others, fresh(tmp_path), "float32", print)).all()


def test_answers_of_another_teacher_are_not_taken(teacher: Path, dataset: Dataset, tmp_path: Path) -> None:
    recipe, said = taught(teacher, 1), list[str]()
    card = read_card(teacher)
    teacher_answers(recipe, dataset, tmp_path, "float32", print)
    # The same file in other words, another file, and another precision.
    write_card(teacher, dataclasses.replace(card, scaling="unit"))
    teacher_answers(recipe, dataset, tmp_path, "float32", said.append)
    write_card(teacher, dataclasses.replace(card, output="logits"))
    teacher_answers(recipe, dataset, tmp_path, "float32", said.append)
    save_untrained(tmp_path / "other", size=16)
    teacher_answers(taught(tmp_path / "other", 1), dataset, tmp_path, "float32", said.append)
    teacher_answers(taught(tmp_path / "other", 1), dataset, tmp_path, "mixed_bfloat16", said.append)
    assert said == [f"the teacher {name} answers view 1 of 1" for name in ("teacher", "teacher", "other", "other")]


def test_answers_that_an_earlier_version_kept_are_made_anew(teacher: Path, dataset: Dataset, tmp_path: Path) -> None:
    entry = read_card(teacher).files["model.keras"]
    wrong = np.zeros((1, len(dataset.train), 3), np.float16)
    np.savez(tmp_path / ANSWERS_FILE, answers=wrong, teacher=np.array(entry.sha256))
    answers = teacher_answers(taught(teacher, 1), dataset, tmp_path, "float32", print)
    np.testing.assert_allclose(answers.sum(axis=2), 1, atol=2e-3)


def fresh(folder: Path) -> Path:
    """An empty folder beside what `folder` keeps."""
    (folder / "fresh").mkdir()
    return folder / "fresh"


def flat(scaling: str, activation: str, units: int = 3) -> keras.Model:
    """A network as somebody else may have made it: its pictures are numbers, its last layer has another name."""
    inputs = keras.Input((16, 16, 3))
    spread = 1.0 if scaling == "none" else 100.0
    weights = keras.initializers.RandomNormal(stddev=0.001 * spread, seed=1)
    features = keras.layers.Flatten()(inputs)
    outputs = keras.layers.Dense(units, activation, kernel_initializer=weights, name="answer")(features)
    return keras.Model(inputs, outputs)


def added(folder: Path, network: keras.Model, scaling: str, output: str, classes: tuple[str, ...], file: str) -> Path:
    """The bundle of a network from elsewhere, as the store writes it."""
    folder.mkdir()
    network.save(folder / file)
    write_card(folder, Card(folder.name, classes, 16, 1, 0, "", "", "2026-01-31", scaling=scaling, output=output))
    return folder


def expected(network: keras.Model, images: np.ndarray, scaling: str) -> np.ndarray:
    """What the network gives for uint8 pictures that are scaled by hand."""
    entry = SCALINGS[scaling]
    numbers = images.astype(np.float32) * np.array(entry.factor, np.float32) + np.array(entry.offset, np.float32)
    return np.asarray(network.predict(numbers, verbose=0))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("scaling", "activation", "output"),
    [
        ("unit", "softmax", "probabilities"),
        ("symmetric", "linear", "logits"),
        ("none", "linear", "logits"),
        ("standard", "sigmoid", "independent probabilities"),
    ],
)
def test_a_teacher_gets_the_numbers_and_gives_the_answers_that_its_card_says(
    scaling: str, activation: str, output: str, policy: str, dataset: Dataset, tmp_path: Path
) -> None:
    network = flat(scaling, activation)
    recipe = taught(added(tmp_path / "elsewhere", network, scaling, output, dataset.classes, "model.keras"), 1)
    rows = expected(network, augmented_view(dataset.train, 0, recipe), scaling)
    finished = {
        "softmax": lambda: rows,
        "linear": lambda: softmax(rows),
        "sigmoid": lambda: rows / rows.sum(axis=1, keepdims=True),
    }[activation]()
    answers = teacher_answers(recipe, dataset, tmp_path, policy, print)
    assert np.ptp(finished, axis=0).max() > 0.1
    np.testing.assert_allclose(answers[0], finished, atol=2e-3)


@pytest.mark.parametrize("activation", ["sigmoid", "linear"])
def test_a_teacher_of_two_classes_may_give_one_number(activation: str, dataset: Dataset, tmp_path: Path) -> None:
    two = dataclasses.replace(dataset, classes=("circle", "square"))
    network = flat("unit", activation, 1)
    output = {"sigmoid": "one probability", "linear": "one logit"}[activation]
    recipe = taught(added(tmp_path / "elsewhere", network, "unit", output, two.classes, "model.h5"), 1)
    row = expected(network, augmented_view(dataset.train, 0, recipe), "unit")[:, 0]
    second = row if activation == "sigmoid" else 1 / (1 + np.exp(-row))
    answers = teacher_answers(recipe, two, tmp_path, "float32", print)
    np.testing.assert_allclose(answers[0], np.stack([1 - second, second], axis=1), atol=2e-3)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_teacher_keeps_what_its_normalisation_learnt_and_its_own_operations(
    policy: str, dataset: Dataset, tmp_path: Path
) -> None:
    learnt = keras.layers.Normalization()
    learnt.adapt(dataset.train.images / 255)
    inputs = keras.Input((16, 16, 3))
    weights = keras.initializers.RandomNormal(stddev=0.05, seed=1)
    features = keras.layers.Flatten()(learnt(inputs / 255))
    network = keras.Model(inputs, keras.layers.Dense(3, "softmax", kernel_initializer=weights)(features))
    recipe = taught(added(tmp_path / "elsewhere", network, "none", "probabilities", dataset.classes, "model.keras"), 1)
    rows = expected(network, augmented_view(dataset.train, 0, recipe), "none")
    answers = teacher_answers(recipe, dataset, tmp_path, policy, print)
    np.testing.assert_allclose(answers[0], rows, atol=2e-3)


def test_a_teacher_whose_card_names_other_classes_than_its_file_has_is_refused(
    dataset: Dataset, tmp_path: Path
) -> None:
    bundle = added(
        tmp_path / "four", flat("unit", "softmax", 4), "unit", "probabilities", dataset.classes, "model.keras"
    )
    with pytest.raises(TrainingError, match=r"returns \(4,\) numbers for a picture, but its card names 3 classes"):
        teacher_answers(taught(bundle, 1), dataset, tmp_path, "float32", print)


def test_a_teacher_that_is_no_network_is_refused(teacher: Path, dataset: Dataset, tmp_path: Path) -> None:
    (teacher / "model.keras").write_bytes(b"nothing")
    write_card(teacher, read_card(teacher))
    with pytest.raises(TrainingError, match=r"model.keras cannot be loaded: it is damaged"):
        teacher_answers(taught(teacher, 1), dataset, tmp_path, "float32", print)


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
    assert not (tmp_path / "second" / ANSWERS_FILE).exists()


def test_a_teacher_may_know_the_classes_in_another_order(teacher: Path, dataset: Dataset, tmp_path: Path) -> None:
    answers = teacher_answers(taught(teacher, 1), dataset, tmp_path, "float32", print)
    card = read_card(teacher)
    turned = shutil.copytree(teacher, tmp_path / "turned")
    write_card(turned, dataclasses.replace(card, classes=tuple(name.title() for name in reversed(card.classes))))
    again = teacher_answers(taught(turned, 1), dataset, tmp_path, "float32", print)
    np.testing.assert_array_equal(again, answers[..., ::-1])


def test_a_teacher_of_other_classes_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    save_untrained(tmp_path / "stranger", ("cat", "dog", "frog"), 16)
    with pytest.raises(TrainingError, match="stranger knows cat, dog, frog from 3 channels; the data has circle"):
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
