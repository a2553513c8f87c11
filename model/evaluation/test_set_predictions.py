"""What a classifier says of a whole test set, computed once and kept; and the pictures of it that one asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.common.files import atomic_file, is_unused, mark_used
from model.common.paths import home
from model.datasets.splits import Split
from model.evaluation.metrics import losses
from model.inference.classifier import Classifier, file_of
from model.registry.card import Card
from model.registry.checksums import no_file

VERDICTS = ("all", "right", "wrong")
ORDERS = ("place", "least sure", "most sure", "highest loss")
STEP = 64  # pictures a pass: the int8 engine answers nobody else meanwhile


@dataclass(frozen=True)
class Survey:
    """A test set and a network's answers to it: probabilities float32 (n, classes), in the set's order."""

    classes: tuple[str, ...]
    split: Split
    probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.split)

    @property
    def predicted(self) -> np.ndarray:
        """The likeliest class of each picture, int (n,)."""
        likeliest: np.ndarray = self.probabilities.argmax(axis=1)
        return likeliest

    @property
    def confidence(self) -> np.ndarray:
        """How sure the network is of it, 0 to 1, float32 (n,)."""
        highest: np.ndarray = self.probabilities.max(axis=1)
        return highest


@dataclass(frozen=True)
class Question:
    """Which pictures one wants to see, and in what order; -1 is any class."""

    true: int = -1
    predicted: int = -1
    verdict: str = "all"
    least: float = 0.0
    most: float = 1.0
    order: str = "place"


def select(survey: Survey, question: Question) -> np.ndarray:
    """The places of the pictures asked for, int (m,), in the order asked for."""
    predicted, confidence, labels = survey.predicted, survey.confidence, survey.split.labels
    wanted = (confidence >= question.least) & (confidence <= question.most)
    if question.true >= 0:
        wanted &= labels == question.true
    if question.predicted >= 0:
        wanted &= predicted == question.predicted
    if question.verdict != "all":
        wanted &= (predicted == labels) == (question.verdict == "right")
    places = np.flatnonzero(wanted)
    keys = {
        "place": places,
        "least sure": confidence[places],
        "most sure": -confidence[places],
        "highest loss": -losses(survey.probabilities[places], labels[places]),
    }
    chosen: np.ndarray = places[np.argsort(keys[question.order], kind="stable")]
    return chosen


def ask_all(classifier: Classifier, images: np.ndarray, tell: Callable[[int], None]) -> np.ndarray:
    """Probabilities, float32 (n, classes), in steps between which others get their turn at the network.

    `tell` hears how many pictures are done.
    """
    rows = np.zeros((len(images), len(classifier.card.classes)), np.float32)
    for start in range(0, len(images), STEP):
        rows[start : start + STEP] = classifier.probabilities(images[start : start + STEP])
        tell(min(start + STEP, len(images)))
    return rows


def survey_file(card: Card, engine: str, key: str) -> Path:
    """Where a network's answers to the test set with this key are kept; needs no network to be loaded."""
    return home() / "surveys" / f"{network_key(card, engine)}-{key}.npy"


def network_key(card: Card, engine: str) -> str:
    """Changes with the network's file, with the engine that runs it and with what it is given and asked for.

    Raises BundleError where the card names no file for the engine.
    """
    name = file_of(card, engine)
    if name not in card.files:
        raise no_file(card.name, card, name)
    file = card.files[name].sha256
    # What earlier versions kept of classes that do not exclude each other was divided to sum to 1.
    output = card.output if card.exclusive else f"{card.output}, as given"
    facts = repr((file, engine, card.input_shape.key, len(card.classes), card.scaling, output))
    return f"{engine}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def kept(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """The answers in a file, float32, or None where there is none that is whole."""
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    mark_used(path)
    return rows if rows.shape == shape and rows.dtype == np.float32 else None


def keep(path: Path, rows: np.ndarray) -> None:
    """Write the answers; a reader sees all of them or none. Answers that nobody asked for in a month go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, durable=False) as file:
        np.save(file, rows.astype(np.float32))
    for other in filter(is_unused, path.parent.glob("*.npy*")):
        with suppress(OSError):  # another process removes it too, or reads it on Windows
            other.unlink()
