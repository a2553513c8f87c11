"""Learning from another network's probabilities instead of the labels (G. Hinton et al., arXiv 1503.02531)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from model.bundle import KERAS_FILE, BundleError, check_file, find_bundle, read_card
from model.classifier import read_network
from model.language import gettext as _
from model.spelling import places_of
from model.splits import Dataset, Split
from training.augmentation import augment
from training.batches import TrainingBatches
from training.callbacks import TrainingError
from training.fused import fuse
from training.recipe import Recipe

ANSWERS = "teacher.npz"
CHUNK = 1000


class DistilledBatches(TrainingBatches):
    """Batches with a teacher's softened probabilities as targets, float32 (batch, classes).

    Each picture is shown in turn in `distillation.views` fixed augmentations, which the teacher answered before the
    training (the same picture for both: L. Beyer et al., arXiv 2106.05237), and every other round mirrored.
    """

    def __init__(self, train: Split, classes: int, recipe: Recipe, answers: np.ndarray) -> None:
        self.answers = answers  # float16 (views, pictures, classes)
        super().__init__(train, classes, recipe)

    def start_at(self, epoch: int) -> None:
        super().start_at(epoch)
        self.round, self.number = divmod(epoch, len(self.answers))
        self.images = view(self.train, self.number, self.recipe)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        indices = self.order[self.places(batch)]
        images = self.images[indices]
        if self.round % 2:
            images = images[:, :, ::-1]
        targets = soften(self.answers[self.number, indices], self.recipe.distillation.temperature)
        rng = np.random.default_rng((self.recipe.seed, self.epoch, batch))
        return self.sized(images, rng), targets


def view(train: Split, number: int, recipe: Recipe) -> np.ndarray:
    """All training pictures in one of their augmentations, uint8 (n, size, size, 3); drawn from (seed, number)."""
    rng = np.random.default_rng((recipe.seed, number))
    indices = np.arange(len(train))
    return augment(train.images, indices, np.full(len(train), number), recipe, rng)


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The probabilities, (n, classes), with their logits divided by the temperature; float32."""
    powers = np.maximum(probabilities.astype(np.float32), 1e-6) ** (1 / temperature)
    softened: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return softened


def teacher_answers(recipe: Recipe, dataset: Dataset, run: Path, policy: str, say: Callable[[str], None]) -> np.ndarray:
    """The teacher's probabilities for every view, float16 (views, pictures, classes).

    They are kept in `run`, view by view, and go on from there after an interruption. Raises TrainingError.
    """
    settings = recipe.distillation
    try:
        folder = find_bundle(settings.teacher)
        card = read_card(folder)
        path = check_file(folder, card, KERAS_FILE)
    except BundleError as error:
        raise TrainingError(f"distillation.teacher: {error}") from None
    places = places_of(dataset.classes, card.classes)
    if sorted(places) != list(range(len(card.classes))) or card.input_size != recipe.model.input_size:
        raise TrainingError(
            _(
                "distillation.teacher: {network} knows {classes} at {size} x {size} pixels; the data has {others} at "
                "{wanted}"
            ).format(
                network=card.name,
                classes=", ".join(card.classes),
                size=card.input_size,
                others=", ".join(dataset.classes),
                wanted=recipe.model.input_size,
            )
        )
    made_from = card.files[KERAS_FILE].sha256
    answers = read_answers(run / ANSWERS, made_from, len(dataset.train))
    if len(answers) < settings.views:
        teacher = load_teacher(path, policy)
        for number in range(len(answers), settings.views):
            say(f"the teacher {card.name} answers view {number + 1} of {settings.views}")
            images = view(dataset.train, number, recipe)
            chunks = (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))
            answered = np.concatenate([teacher.predict_on_batch(chunk) for chunk in chunks])
            answers.append(answered.astype(np.float16))
            write_answers(run / ANSWERS, made_from, answers)
    return np.stack(answers[: settings.views])[:, :, places]


def load_teacher(path: Path, policy: str) -> keras.Model:
    """A saved network under a dtype policy, with fused layers: answers in half the time."""
    saved = read_network(path)

    def again(layer: keras.Layer) -> keras.Layer:
        settings = layer.get_config()
        if not isinstance(layer, keras.layers.InputLayer) and layer.name != "probabilities":
            settings["dtype"] = policy
        return type(layer).from_config(settings)

    network = fuse(keras.models.clone_model(saved, clone_function=again))
    network.set_weights(saved.get_weights())
    return network


def read_answers(path: Path, made_from: str, pictures: int) -> list[np.ndarray]:
    """The views answered so far by the same teacher for as many pictures; none otherwise."""
    if not path.exists():
        return []
    with np.load(path, allow_pickle=False) as content:
        answers = content["answers"]
        return list(answers) if str(content["teacher"]) == made_from and answers.shape[1] == pictures else []


def write_answers(path: Path, made_from: str, answers: list[np.ndarray]) -> None:
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as file:
        np.savez(file, answers=np.stack(answers), teacher=np.array(made_from))
    os.replace(temporary, path)
