"""Classify many picture files; one that cannot be read does not stop the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.common.cores import cores
from model.common.errors import BundleError
from model.common.files import is_folder
from model.datasets.class_name_files import Names, NamesError
from model.datasets.class_names import Log, rename_classes
from model.images.decoder import InvalidImage
from model.images.image_files import walk_pictures
from model.images.picture_bytes import read_file
from model.inference.classifier import Classifier
from model.inference.http_client import ServerError, post_picture
from model.inference.many import classify_many
from model.inference.parallel import map_in_order
from model.inference.prediction import ClassScore, Prediction


@dataclass(frozen=True)
class FileResult:
    """The result for a file; if there is no prediction, `error` is a sentence that says why."""

    file: Path
    content: bytes = b""
    prediction: Prediction | None = None
    error: str = ""


Answers = Callable[[Iterable[Path]], Iterator[FileResult]]  # the result for each file, in the order of the files


def answer_locally(classifier: Classifier, keep: bool = False) -> Answers:
    """Return a function that classifies with a network in this process; `keep`: its results have the files' bytes."""

    def answers(files: Iterable[Path]) -> Iterator[FileResult]:
        for outcome in classify_many(classifier, files, read_file, keep=keep):
            yield FileResult(outcome.item, outcome.content, outcome.prediction, outcome.error)

    return answers


def answer_and_save(classifier: Classifier) -> Answers:
    """Return a function that does the same and saves the answers; one that cannot be saved is an error."""
    from model.history import prediction_log

    def save(result: FileResult) -> FileResult:
        if result.prediction is None:
            return result
        try:
            prediction_log.save_answer(result.content, result.prediction, classifier.card.sha256)
        except BundleError as error:
            return FileResult(result.file, error=str(error))
        return result

    return lambda files: map_in_order(save, answer_locally(classifier, keep=True)(files), cores())


def answer_remotely(url: str) -> Answers:
    """Return a function that asks the server at this address."""

    def ask(file: Path) -> FileResult:
        try:
            content = read_file(file)
            return FileResult(file, content, post_picture(url, content))
        except (InvalidImage, ServerError) as error:
            return FileResult(file, error=str(error))

    return lambda files: map(ask, files)


def with_class_names(answers: Answers, names: Names, log: Log) -> Answers:
    """Return a function that does the same with other names for the classes; names that do not fit are an error.

    Args:
        answers: The function.
        names: The names.
        log: Called for every picture with a sentence about names that had to be made distinct.
    """

    def rename(result: FileResult) -> FileResult:
        if result.prediction is None:
            return result
        try:
            return dataclasses.replace(result, prediction=_renamed(result.prediction, names, log))
        except NamesError as error:
            return FileResult(result.file, error=str(error))

    return lambda files: map(rename, answers(files))


def _renamed(prediction: Prediction, names: Names, log: Log) -> Prediction:
    scores = sorted(prediction.scores, key=lambda score: score.index)
    labels = rename_classes([score.label for score in scores], names, log)
    by_index = {score.index: label for score, label in zip(scores, labels, strict=True)}

    def renamed(score: ClassScore) -> ClassScore:
        return dataclasses.replace(score, label=by_index.get(score.index, score.label))

    return dataclasses.replace(
        prediction,
        scores=tuple(map(renamed, prediction.scores)),
        prediction_set=tuple(map(renamed, prediction.prediction_set)),
    )


def _may_be_file(path: Path) -> bool:
    """Return whether a path is that of a file, or of what the system says nothing about: reading it tells why."""
    try:
        return path.is_file()
    except OSError:
        return True


def expand_folders(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files in the given order, with the pictures in and below a folder in place of the folder.

    They come folder by folder, by name, as they are found: a million of them are not listed first.
    """
    for path in paths:
        if not is_folder(path):
            yield path
            continue
        locked: list[Path] = []

        def note(error: OSError, locked: list[Path] = locked) -> None:
            locked.append(Path(error.filename))

        found = (parent / name for parent, names in walk_pictures(path, note) for name in names)
        files = (file for file in found if _may_be_file(file))
        if (first := next(files, None)) is not None:
            yield first
        elif not locked:
            yield path  # an empty folder gets an error, like a file
        yield from files
        yield from locked  # as does one that cannot be listed
