"""Many picture files asked one after the other; one that cannot be read does not stop the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.common.errors import BundleError
from model.datasets.class_name_files import Names, NamesError
from model.datasets.class_names import Log, rename_classes
from model.i18n.translations import gettext as _
from model.images.decoder import MAX_BYTES, InvalidImage
from model.images.image_files import picture_paths
from model.inference.classifier import Classifier
from model.inference.http_client import ServerError, ask
from model.inference.prediction import ClassScore, Prediction

Ask = Callable[[bytes], Prediction]


@dataclass(frozen=True)
class Asked:
    """One file's answer; without a prediction, error is the sentence that says why."""

    file: Path
    content: bytes = b""
    prediction: Prediction | None = None
    error: str = ""


def local(classifier: Classifier) -> Ask:
    """Asks a network in this process."""
    return lambda content: classifier.classify(content).prediction


def kept(classifier: Classifier) -> Ask:
    """Asks the same and keeps the answers in the history. They raise StoreError when that cannot be done."""
    from model.history import prediction_log

    def keep(content: bytes) -> Prediction:
        prediction = classifier.classify(content).prediction
        prediction_log.keep(content, prediction, classifier.card.sha256)
        return prediction

    return keep


def remote(url: str) -> Ask:
    """Asks a server."""
    return lambda content: ask(url, content)


def renamed(asker: Ask, names: Names, tell: Log) -> Ask:
    """Asks the same with other names for the classes; the answer raises NamesError when they do not fit.

    `tell` hears, answer for answer, of names that had to be told apart.
    """

    def named(content: bytes) -> Prediction:
        prediction = asker(content)
        scores = sorted(prediction.scores, key=lambda score: score.index)
        labels = rename_classes([score.label for score in scores], names, tell)
        by_index = {score.index: label for score, label in zip(scores, labels, strict=True)}
        changed = [ClassScore(by_index[score.index], score.index, score.probability) for score in prediction.scores]
        return dataclasses.replace(prediction, scores=tuple(changed))

    return named


def expand(paths: Iterable[Path]) -> list[Path]:
    """The files in the order given; a folder stands for the pictures in it and below it, by name."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += picture_paths(path) or [path]  # an empty folder is asked like a file, and says so
        else:
            files.append(path)
    return files


def ask_all(files: Iterable[Path], asker: Ask) -> Iterator[Asked]:
    """Each file's answer, as it comes."""
    for file in files:
        try:
            content = read_file(file)
            yield Asked(file, content, asker(content))
        except (InvalidImage, ServerError, NamesError, BundleError) as error:
            yield Asked(file, error=str(error))


def read_file(path: Path) -> bytes:
    """The bytes of a file, or one more than are taken of a larger one. Raises InvalidImage."""
    if path.is_dir():
        raise InvalidImage(_("This folder holds no pictures."))
    if path.exists() and not path.is_file():
        raise InvalidImage(_("This is a device or a pipe, not a file."))
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InvalidImage(_("There is no such file.")) from None
    except (OSError, ValueError) as error:
        raise InvalidImage(
            _("This file cannot be read: {reason}.").format(reason=getattr(error, "strerror", None) or error)
        ) from None
