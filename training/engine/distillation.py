"""Learning from another network's probabilities instead of the labels (G. Hinton et al., arXiv 1503.02531)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from model.common.errors import BundleError
from model.common.files import atomic_file
from model.datasets.class_matching import match_classes
from model.datasets.resized import own_images
from model.datasets.splits import Dataset, Split
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier, compiled, file_of, read_network
from model.registry.card import Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_bundle
from model.signature.outputs import shares
from model.signature.shapes import shape_of
from training.engine.augmentation import augment
from training.engine.batches import TrainingBatches
from training.engine.callbacks import TrainingError
from training.engine.fused_layers import fused_gelu
from training.recipes.recipe import Recipe, flatten

ANSWERS = "teacher.npz"


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
    return augment(own_images(train.images), indices, np.full(len(train), number), recipe, rng)


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
        path = check_file(folder, card, file_of(card, "keras"))
    except BundleError as error:
        raise TrainingError(f"distillation.teacher: {error}") from None
    places = class_places(card, dataset, recipe)
    made_from = fingerprint(card, dataset.train, recipe, policy)
    answers = read_answers(run / ANSWERS, made_from)
    if len(answers) < settings.views:
        teacher = asked(path, card, policy)
        for number in range(len(answers), settings.views):
            say(f"the teacher {card.name} answers view {number + 1} of {settings.views}")
            answers.append(teacher(view(dataset.train, number, recipe)).astype(np.float16))
            write_answers(run / ANSWERS, made_from, answers)
    return np.stack(answers[: settings.views])[:, :, places]


def class_places(card: Card, dataset: Dataset, recipe: Recipe) -> list[int]:
    """The place of each class of the data among the teacher's. Raises TrainingError for other classes or sizes."""
    wanted = shape_of(recipe.model.input_size)
    places = match_classes(dataset.classes, card.classes)
    if sorted(places) != list(range(len(card.classes))) or card.input_shape != wanted:
        raise TrainingError(
            _("distillation.teacher: {network} knows {classes} at {pixels}; the data has {others} at {wanted}").format(
                network=card.name,
                classes=", ".join(card.classes),
                pixels=card.input_shape.pixels,
                others=", ".join(dataset.classes),
                wanted=wanted.pixels,
            )
        )
    return places


def asked(path: Path, card: Card, policy: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function of uint8 pictures (n, size, size, 3) to the teacher's probabilities, float32 (n, classes).

    Scaling and output are what the card says. A network from elsewhere may hold parts that know one dtype only: it
    computes in its own. Raises TrainingError for a file that is no network of as many classes as the card names.
    """
    try:
        network = load_teacher(path, policy if card.recipe else "float32")
        given = Classifier(card, "keras", compiled(network, card)).probabilities
        # What is learnt from is a distribution over the classes, whatever the teacher says of each alone.
        answers = given if card.exclusive else lambda images: shares(given(images))
        shape = answers(np.zeros((1, *card.input_shape), np.uint8)).shape
    except Exception as error:  # what is in the file may not be ours: Keras raises nearly anything
        reason = str(error).strip().partition(chr(10))[0]
        raise TrainingError(_("{path} cannot be loaded: {reason}").format(path=path, reason=reason)) from error
    if shape != (1, len(card.classes)):
        raise TrainingError(
            _("{path} gives {shape} numbers a picture; its card names {count} classes").format(
                path=path, shape=shape[1:], count=len(card.classes)
            )
        )
    return answers


def load_teacher(path: Path, policy: str) -> keras.Model:
    """A saved network, to be faster: it computes under a dtype policy and in fused activations, and answers in float32.

    It is changed as it is: a copy by its layers' descriptions would lose what some of them learnt from the data
    (keras.layers.Normalization), and there is none of operations such as a division.
    """
    network = read_network(path)
    for layer in network.layers:
        if type(layer) is keras.layers.Activation and layer.activation is keras.activations.gelu:
            layer.activation = fused_gelu()
    if policy != "float32":
        for layer in network.layers[:-1]:
            if not isinstance(layer, keras.layers.InputLayer):
                layer.dtype_policy = policy
    return network


def fingerprint(card: Card, train: Split, recipe: Recipe, policy: str) -> str:
    """What decides the answers, as a SHA-256: the teacher, how it computes, and the views of the training pictures."""
    settings = [card.sha256, card.scaling, card.output, policy]
    views = [recipe.seed, flatten(recipe.augmentation), train.images.shape]
    digest = hashlib.sha256(json.dumps([settings, views]).encode())
    digest.update(np.ascontiguousarray(own_images(train.images)).reshape(-1).data)
    return digest.hexdigest()


def read_answers(path: Path, made_from: str) -> list[np.ndarray]:
    """The views answered so far, float16 (pictures, classes) each; none where their `fingerprint` was another."""
    if not path.exists():
        return []
    with np.load(path, allow_pickle=False) as content:
        # Files of earlier versions name the teacher only.
        same = "made_from" in content and str(content["made_from"]) == made_from
        return list(content["answers"]) if same else []


def write_answers(path: Path, made_from: str, answers: list[np.ndarray]) -> None:
    with atomic_file(path) as file:
        np.savez(file, answers=np.stack(answers), made_from=np.array(made_from))
