"""A network for tiles joins in where a picture is an enlarged tile, and nowhere else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from model.datasets.loader import load_dataset
from model.datasets.splits import Dataset
from model.explanation.nearest_neighbors import feature_extractor
from model.explanation.saliency import gradient_map
from model.formats.class_output import feature_tensor
from model.inference.classifier import Classifier
from model.networks.plain_cnns import cnn5x5
from model.registry.card import read_card, write_card
from model.signature.rows import KNOWN_ROW
from model.signature.shapes import InputShape
from tests.drawn import draw_cifar10, draw_images, enliven
from tests.shaped import card_of
from training.engine.callbacks import TrainingError
from training.engine.fit import fit
from training.engine.tile_expert import BRANCH, read_expert, with_expert
from training.recipes.recipe import (
    AugmentationSettings,
    FineTuningSettings,
    ModelSettings,
    PriorSettings,
    Recipe,
    RecipeError,
    TileSettings,
)

SIZE = 96


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(draw_cifar10(tmp_path_factory.mktemp("data"), 40, 20), SIZE, validation=0.2)


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory, data: Dataset) -> Path:
    """A network for 32 x 32 pixels that has learnt a little."""
    small = dataclasses.replace(data, train=data.train.at_size(32), validation=data.validation.at_size(32))
    small = dataclasses.replace(small, test=data.test.at_size(32))
    folder = tmp_path_factory.mktemp("expert")
    recipe = Recipe(epochs=3, batch_size=20, precision="float32", model=ModelSettings("cnn5x5"))
    return fit(recipe, small, folder / "run", folder / "tiles").bundle


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    keras.utils.set_random_seed(0)
    cnn5x5(5, SIZE, (4, 6, 6)).save(folder / "model.keras")
    write_card(folder, dataclasses.replace(card_of(InputShape(SIZE, SIZE)), classes=tuple("abcde")))
    return folder


def recipe(backbone: Path, expert: Path | str, size: int = SIZE) -> Recipe:
    return Recipe(
        epochs=1,
        batch_size=20,
        precision="float32",
        model=ModelSettings("transfer", input_size=size, backbone=str(backbone)),
        augmentation=AugmentationSettings(jpeg=0.5),
        fine_tuning=FineTuningSettings(0),
        tiles=TileSettings(str(expert)),
    )


def photographs(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, SIZE, SIZE, 3), np.uint8)


def ends_with_softmax(seed: int, size: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    network = cnn5x5(10, size, (4, 6, 6))
    enliven(network)
    return network


def test_only_an_enlarged_picture_is_a_tile(data: Dataset) -> None:
    network = with_expert(ends_with_softmax(0, SIZE), ends_with_softmax(1, 32), data.validation)
    _said, tile = network.get_layer(BRANCH)(np.asarray(data.test.images[:20]))
    assert np.asarray(tile).min() > 0.8
    _said, tile = network.get_layer(BRANCH)(photographs(5))
    assert np.asarray(tile).max() == 0
    flat = np.full((1, SIZE, SIZE, 3), 90, np.uint8)
    assert np.isfinite(network.get_layer(BRANCH)(flat)[0]).all()


def test_the_expert_sees_the_tile_as_it_was_and_photographs_are_answered_as_before(data: Dataset) -> None:
    own, theirs = ends_with_softmax(0, SIZE), ends_with_softmax(1, 32)
    network = with_expert(own, theirs, data.validation)
    said, tile = network.get_layer(BRANCH)(np.asarray(data.test.images[:8]))
    tiles = data.test.at_size(32).images[:8]
    np.testing.assert_allclose(said, tile * np.log(theirs.predict_on_batch(np.asarray(tiles)) + 1e-4), atol=1e-5)
    pictures = photographs(5)
    np.testing.assert_allclose(network.predict_on_batch(pictures), own.predict_on_batch(pictures), atol=1e-6)


@pytest.mark.parametrize("right", ["the network", "the expert"])
def test_whoever_is_right_is_heard(data: Dataset, right: str) -> None:
    own, theirs = ends_with_softmax(0, SIZE), ends_with_softmax(1, 32)
    images = np.asarray(data.train.images)
    before = own.predict_on_batch(images)
    answers = theirs.predict_on_batch(np.asarray(data.train.at_size(32).images))
    labels = (before if right == "the network" else answers).argmax(axis=1)
    after = with_expert(own, theirs, dataclasses.replace(data.train, labels=labels)).predict_on_batch(images)

    def likelihood(rows: np.ndarray) -> float:
        return float(np.log(rows[np.arange(len(labels)), labels]).mean())

    assert likelihood(after) > max(likelihood(before), likelihood(answers) if right == "the expert" else -np.inf) - 0.05
    assert likelihood(after) > likelihood(before) + (0.3 if right == "the expert" else 0.01)


def says_what_it_knows(seed: int) -> keras.Model:
    """A network with a second output, how known a picture is, from two numbers."""
    own = ends_with_softmax(seed, SIZE)
    evidence = keras.layers.Dense(2, kernel_initializer="normal")(feature_tensor(own, 10))
    known = keras.layers.Dense(1, activation="sigmoid", name=KNOWN_ROW)(evidence)
    return keras.Model(own.input, [*own.outputs, known])


def log_odds(known: np.ndarray) -> np.ndarray:
    return np.log(known[:, 0]) - np.log1p(-known[:, 0])


def test_how_certain_both_are_tells_how_known_a_tile_is(data: Dataset) -> None:
    own, theirs = says_what_it_knows(0), ends_with_softmax(1, 32)
    held_out = data.train
    network = with_expert(own, theirs, held_out, certainty=2.0)
    tiles = np.asarray(held_out.images)
    before = log_odds(own.predict_on_batch(tiles)[1])
    rows, known = network.predict_on_batch(tiles)
    after, certain = log_odds(known), 2 * (rows * np.log(rows + 1e-4)).sum(axis=1)
    assert np.ptp(certain) > 0.1
    # It rises by what the answer says, and by what keeps the pictures below the 5 % quantile where they were.
    tile = np.asarray(network.get_layer(BRANCH)(tiles)[1])[:, 0]
    shift = (after - before) / tile - certain
    np.testing.assert_allclose(shift, np.median(shift), atol=0.002)
    assert np.quantile(after, 0.05) == pytest.approx(np.quantile(before, 0.05), abs=0.02)


def test_a_photograph_is_as_known_as_before(data: Dataset) -> None:
    own, theirs = says_what_it_knows(0), ends_with_softmax(1, 32)
    network = with_expert(own, theirs, data.validation, certainty=2.0)
    pictures = photographs(5)
    for before, after in zip(own.predict_on_batch(pictures), network.predict_on_batch(pictures), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_certainty_needs_an_expert_and_a_network_that_says_what_it_knows() -> None:
    with pytest.raises(RecipeError, match=r"tiles\.known is 2\.0; .*: set tiles\.expert and prior\.known"):
        Recipe(tiles=TileSettings("fast", known=2.0))
    with pytest.raises(RecipeError, match=r"set tiles\.expert and prior\.known"):
        Recipe(tiles=TileSettings(known=2.0), prior=PriorSettings(known=(1.0, 0.5, 0.25)))
    Recipe(tiles=TileSettings("fast", known=2.0), prior=PriorSettings(known=(1.0, 0.5, 0.25)))


def test_a_training_ends_with_the_expert_and_both_files_agree(
    data: Dataset, expert: Path, backbone: Path, tmp_path: Path
) -> None:
    bundle = fit(recipe(backbone, expert), data, tmp_path / "run", tmp_path / "both").bundle
    engines = [Classifier.load(bundle, engine) for engine in ("keras", "int8")]
    pictures = np.concatenate([np.asarray(data.test.images[:20]), photographs(10)])
    rows = [engine.probabilities(pictures) for engine in engines]
    assert np.abs(rows[0] - rows[1]).max() < 0.1
    network = keras.models.load_model(bundle / "model.keras")
    assert read_card(bundle).classes == data.classes and BRANCH in {layer.name for layer in network.layers}
    # What is explained is the network itself: the branch is passed over.
    features = feature_extractor(network, SIZE)(pictures[:3])
    assert features.shape == (3, network.get_layer("logits").input.shape[-1])
    assert gradient_map(network, SIZE)(pictures[0], 3).shape == (SIZE, SIZE)


def test_what_cannot_be_an_expert_is_named_before_the_training(
    data: Dataset, expert: Path, backbone: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"tiles\.expert: .*nowhere.*; train that network first, or leave it empty"):
        read_expert(recipe(backbone, "nowhere"), data)
    with pytest.raises(TrainingError, match="has other classes than the data"):
        read_expert(recipe(backbone, backbone), data)
    with pytest.raises(TrainingError, match=r"takes 32 x 32 pixels; model\.input_size=64 has to be 3, 5 or"):
        read_expert(recipe(backbone, expert, 64), data)
    large = dataclasses.replace(data, train=dataclasses.replace(data.train, images=draw_images(len(data.train), 96)))
    with pytest.raises(TrainingError, match="is for pictures of 32 x 32; the data's have 96 x 96"):
        read_expert(recipe(backbone, expert), large)
    with pytest.raises(TrainingError, match=r"needs validation pictures"):
        read_expert(recipe(backbone, expert), dataclasses.replace(data, validation=data.validation.take(slice(0))))
    with pytest.raises(TrainingError, match=r"tiles\.expert"):
        fit(recipe(backbone, tmp_path / "missing"), data, tmp_path / "run", tmp_path / "net")
