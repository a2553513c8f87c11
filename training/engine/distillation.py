"""Distillation: learn a teacher's probabilities instead of the labels (G. Hinton et al., arXiv 1503.02531)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from model.common.errors import BundleError
from model.common.files import atomic_file
from model.datasets.class_matching import match_classes
from model.datasets.resized import own_images, show_at
from model.datasets.splits import Dataset, Split
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier, compile_network, file_of, read_network
from model.registry.card import Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_bundle
from model.signature.outputs import divide_by_sum
from model.signature.rows import keras_outputs
from training.engine.augmentation import augment
from training.engine.batches import TrainingBatches
from training.engine.callbacks import TrainingError
from training.engine.fused_layers import fused_gelu
from training.recipes.recipe import Recipe, flatten

ANSWERS_FILE = "teacher.npz"


class DistilledBatches(TrainingBatches):
    """Batches with the softened probabilities of one or more teachers as targets, float32 (batch, classes).

    Each image is shown in turn in `distillation.views` fixed augmentations, which the teachers classified before the
    training (the same image for both: L. Beyer et al., arXiv 2106.05237), and mirrored in every other round.
    """

    def __init__(self, train: Split, classes: int, recipe: Recipe, answers: np.ndarray) -> None:
        self.answers = answers  # float16 (views, pictures, classes)
        super().__init__(train, classes, recipe)

    def start_at(self, epoch: int) -> None:
        """Go to an epoch and its view."""
        super().start_at(epoch)
        self.round, self.number = divmod(epoch, len(self.answers))
        self.images = augmented_view(self.train, self.number, self.recipe)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        indices = self.order[self.slice_of(batch)]
        images = self.images[indices]
        if self.round % 2:
            images = images[:, :, ::-1]
        targets = soften(self.answers[self.number, indices], self.recipe.distillation.temperature)
        rng = np.random.default_rng((self.recipe.seed, self.epoch, batch))
        return self.resize_for_stage(images, rng), targets


def augmented_view(train: Split, number: int, recipe: Recipe) -> np.ndarray:
    """Return all training images in one of their augmentations, uint8 (n, size, size, 3), drawn from (seed, number)."""
    rng = np.random.default_rng((recipe.seed, number))
    indices = np.arange(len(train))
    return augment(own_images(train.images), indices, np.full(len(train), number), recipe, rng)


def soften(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities (n, classes) with their logits divided by the temperature, float32."""
    powers = np.maximum(probabilities.astype(np.float32), 1e-6) ** (1 / temperature)
    softened: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return softened


def teacher_answers(recipe: Recipe, dataset: Dataset, run: Path, policy: str, log: Callable[[str], None]) -> np.ndarray:
    """Return the teachers' mean probabilities for every view, float16 (views, images, classes).

    They are saved in the run's folder after each view, and continue from there after an interruption.

    Args:
        recipe: The recipe.
        dataset: The data set.
        run: The run's folder.
        policy: The dtype policy to compute with.
        log: Called with a sentence for each view of each teacher.

    Raises:
        TrainingError: A teacher cannot be used.
    """
    settings = recipe.distillation
    teachers = [_Teacher.find("teacher", settings.teacher, dataset)]
    teachers += [_Teacher.find("others", name, dataset) for name in settings.others]
    made_from = _fingerprint(teachers, dataset, recipe, policy)
    answers = _read_answers(run / ANSWERS_FILE, made_from)
    if len(answers) < settings.views:
        functions = [_teacher_function(teacher.path, teacher.card, policy) for teacher in teachers]
        for number in range(len(answers), settings.views):
            view = augmented_view(dataset.train, number, recipe)
            total = np.zeros((len(view), len(dataset.classes)), np.float32)
            for teacher, function in zip(teachers, functions, strict=True):
                log(f"the teacher {teacher.card.name} answers view {number + 1} of {settings.views}")
                total += function(show_at(view, teacher.card.input_shape))[:, teacher.indices]
            answers.append((total / len(teachers)).astype(np.float16))
            _write_answers(run / ANSWERS_FILE, made_from, answers)
    return np.stack(answers[: settings.views])


@dataclass(frozen=True)
class _Teacher:
    """A bundle that teaches: its card, its network's file, and the index of each of the data's classes among its."""

    card: Card
    path: Path
    indices: list[int]

    @classmethod
    def find(cls, key: str, name: str, dataset: Dataset) -> _Teacher:
        """Find the bundle that a key of `distillation` names.

        Raises:
            TrainingError: There is none, it is damaged, or it knows other classes or takes other channels.
        """
        try:
            folder = find_bundle(name)
            card = read_card(folder)
            path = check_file(folder, card, file_of(card, "keras"))
        except BundleError as error:
            raise TrainingError(f"distillation.{key}: {error}") from None
        indices = match_classes(dataset.classes, card.classes)
        channels = dataset.train.images.shape[3]
        if sorted(indices) != list(range(len(card.classes))) or card.input_shape.channels != channels:
            raise TrainingError(
                _(
                    "distillation.{key}: {network} knows {classes} from {channels} channels; the data has {others} in "
                    "{wanted}"
                ).format(
                    key=key,
                    network=card.name,
                    classes=", ".join(card.classes),
                    channels=card.input_shape.channels,
                    others=", ".join(dataset.classes),
                    wanted=channels,
                )
            )
        return cls(card, path, indices)


def _teacher_function(path: Path, card: Card, policy: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from uint8 images (n, size, size, 3) to the teacher's probabilities, float32 (n, classes).

    The card says which scaling and output it has. A network made elsewhere may have layers that work in one dtype only:
    it computes in its own. So does one with several outputs, which takes logarithms of small numbers between them.

    Raises:
        TrainingError: The network cannot be loaded, or has another number of classes than its card.
    """
    try:
        plain = card.recipe and len(keras_outputs(card.outputs)) == 1
        network = load_teacher(path, policy if plain else "float32", card.outputs)
        given = Classifier(card, "keras", compile_network(network, card)).probabilities
        # The target is a distribution over the classes, even if the teacher's classes are independent.
        answers = given if card.exclusive else lambda images: divide_by_sum(given(images))
        shape = answers(np.zeros((1, *card.input_shape), np.uint8)).shape
    except Exception as error:  # Keras raises nearly anything for a bad file
        reason = str(error).strip().partition(chr(10))[0]
        raise TrainingError(_("{path} cannot be loaded: {reason}").format(path=path, reason=reason)) from error
    if shape != (1, len(card.classes)):
        raise TrainingError(
            _("{path} returns {shape} numbers for a picture, but its card names {count} classes").format(
                path=path, shape=shape[1:], count=len(card.classes)
            )
        )
    return answers


def load_teacher(path: Path, policy: str, outputs: Sequence[str] = ()) -> keras.Model:
    """Load a network and make it faster: it computes with a dtype policy and fused activations, and returns float32.

    It is changed in place: a copy from the configurations of its layers would lose what some of them have learned from
    the data (keras.layers.Normalization), and operations such as a division have no configuration.

    Args:
        path: The network's file.
        policy: The dtype policy.
        outputs: The outputs that its card names.
    """
    network = read_network(path, outputs)
    for layer in network.layers:
        if type(layer) is keras.layers.Activation and layer.activation is keras.activations.gelu:
            layer.activation = fused_gelu()
    if policy != "float32":
        for layer in network.layers[:-1]:
            if not isinstance(layer, keras.layers.InputLayer):
                layer.dtype_policy = policy
    return network


def _fingerprint(teachers: list[_Teacher], dataset: Dataset, recipe: Recipe, policy: str) -> str:
    """Return a SHA-256 of all that decides the answers: the teachers, the dtype policy, and the views of the images."""
    settings = [[entry.card.sha256, entry.card.scaling, entry.card.output, entry.indices] for entry in teachers]
    views = [recipe.seed, flatten(recipe.augmentation), dataset.train.images.shape]
    digest = hashlib.sha256(json.dumps([settings, policy, views]).encode())
    digest.update(np.ascontiguousarray(own_images(dataset.train.images)).reshape(-1).data)
    return digest.hexdigest()


def _read_answers(path: Path, made_from: str) -> list[np.ndarray]:
    """Return the views classified so far, float16 (images, classes) each; none if their fingerprint differs."""
    if not path.exists():
        return []
    with np.load(path, allow_pickle=False) as content:
        # Files of earlier versions have no fingerprint.
        same = "made_from" in content and str(content["made_from"]) == made_from
        return list(content["answers"]) if same else []


def _write_answers(path: Path, made_from: str, answers: list[np.ndarray]) -> None:
    with atomic_file(path) as file:
        np.savez(file, answers=np.stack(answers), made_from=np.array(made_from))
