"""A classifier's predictions for a whole test set, computed once and cached, and a filter to browse them."""

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
from model.evaluation.metrics import cross_entropies
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier, NoProbabilities, file_of
from model.registry.card import Card, KnownRule
from model.registry.checksums import missing_file_error

VERDICTS = ("all", "right", "wrong", "unknown")
ORDERS = ("place", "least sure", "most sure", "highest loss")
_BATCH = 64  # pictures at a time; the int8 engine serves no other request in the meantime


@dataclass(frozen=True)
class PredictedTestSet:
    """A test set and a network's predictions for it, in the set's order.

    Attributes:
        probabilities: float32 (n, classes).
        known: How known each picture is, 0 to 1, float32 (n,); None if the network cannot tell.
        limit: The known score below which a picture is probably of none of the classes.
    """

    classes: tuple[str, ...]
    split: Split
    probabilities: np.ndarray
    known: np.ndarray | None = None
    limit: float = 0.0

    def __len__(self) -> int:
        return len(self.split)

    @property
    def predicted(self) -> np.ndarray:
        """The most likely class of each picture, int (n,)."""
        likeliest: np.ndarray = self.probabilities.argmax(axis=1)
        return likeliest

    @property
    def unknown(self) -> np.ndarray:
        """Whether each picture is probably of none of the classes, bool (n,)."""
        return np.zeros(len(self), bool) if self.known is None else np.asarray(self.known < self.limit)

    @property
    def confidence(self) -> np.ndarray:
        """The probability of that class, 0 to 1, float32 (n,)."""
        highest: np.ndarray = self.probabilities.max(axis=1)
        return highest


@dataclass(frozen=True)
class PredictionFilter:
    """Which pictures to select, and in what order; -1 is any class."""

    true: int = -1
    predicted: int = -1
    verdict: str = "all"
    min_confidence: float = 0.0
    max_confidence: float = 1.0
    order: str = "place"


def select(survey: PredictedTestSet, question: PredictionFilter) -> np.ndarray:
    """Return the indices of the selected pictures, int (m,), in the selected order."""
    predicted, confidence, labels = survey.predicted, survey.confidence, survey.split.labels
    wanted = (confidence >= question.min_confidence) & (confidence <= question.max_confidence)
    if question.true >= 0:
        wanted &= labels == question.true
    if question.predicted >= 0:
        wanted &= predicted == question.predicted
    if question.verdict == "unknown":
        wanted &= survey.unknown
    elif question.verdict != "all":
        wanted &= (predicted == labels) == (question.verdict == "right")
    places = np.flatnonzero(wanted)
    keys = {
        "place": places,
        "least sure": confidence[places],
        "most sure": -confidence[places],
        "highest loss": -cross_entropies(survey.probabilities[places], labels[places]),
    }
    chosen: np.ndarray = places[np.argsort(keys[question.order], kind="stable")]
    return chosen


def predict_all(
    classifier: Classifier, images: np.ndarray, on_progress: Callable[[int], None]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Predict all images in batches, between which other requests are served.

    Args:
        classifier: The classifier.
        images: uint8 (n, height, width, channels).
        on_progress: Called with the number of pictures done.

    Returns:
        Probabilities, float32 (n, classes), and how known the pictures are, float32 (n,), or None.

    Raises:
        NoProbabilities: The answer about a picture is no numbers.
    """
    rows = np.zeros((len(images), len(classifier.card.classes)), np.float32)
    scores = None if classifier.card.known is None else np.zeros(len(images), np.float32)
    for start in range(0, len(images), _BATCH):
        part = slice(start, start + _BATCH)
        rows[part], known = classifier.answers(images[part])
        if scores is not None:
            scores[part] = known
        if wrong := int((~np.isfinite(rows[part])).any(axis=1).sum()):
            raise NoProbabilities(
                _(
                    "{name!r} answers {count} of the pictures {first} to {last} with no numbers; its weights may be "
                    "damaged, or its numbers too large for their type"
                ).format(name=classifier.card.name, count=wrong, first=start + 1, last=start + len(images[part]))
            )
        on_progress(min(start + _BATCH, len(images)))
    return rows, scores


def predictions_file(card: Card, engine: str, key: str) -> Path:
    """Return where the predictions for the test set with this key are cached; no network needs to be loaded."""
    return home() / "surveys" / f"{network_key(card, engine)}-{key}.npy"


def network_key(card: Card, engine: str) -> str:
    """Return a key that changes with the network's file, the engine, the input format and the output format.

    Raises:
        BundleError: The card names no file for the engine.
    """
    name = file_of(card, engine)
    if name not in card.files:
        raise missing_file_error(card.name, card, name)
    file = card.files[name].sha256
    # Earlier versions cached independent probabilities divided by their sum; this text keeps those apart.
    output = card.output if card.exclusive else f"{card.output}, as given"
    facts = repr((file, engine, card.input_shape.key, len(card.classes), card.scaling, output))
    return f"{engine}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def load_predictions(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Load cached predictions or known scores, float32; None if they are missing or incomplete."""
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    mark_used(path)
    return rows if rows.shape == shape and rows.dtype == np.float32 else None


def known_file(path: Path, rule: KnownRule) -> Path:
    """Return where the known scores lie that belong to saved predictions; another rule has scores of its own."""
    return path.with_name(f"{path.stem}-known-{hashlib.sha256(repr(rule).encode()).hexdigest()[:16]}.npy")


def save_predictions(path: Path, rows: np.ndarray) -> None:
    """Write predictions or known scores atomically, and delete those that were not used for a month."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, durable=False) as file:
        np.save(file, rows.astype(np.float32))
    for other in filter(is_unused, path.parent.glob("*.npy*")):
        with suppress(OSError):  # another process was faster, or reads it on Windows
            other.unlink()
