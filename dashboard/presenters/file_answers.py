"""A file's answer for the page: pictures for the browser and the prediction, or a sentence that says why not."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from model.common.cores import cores
from model.images.decoder import InvalidImage, array_to_image, process_image
from model.images.thumbnails import encode_jpeg, thumbnail
from model.inference.classifier import Classifier, NoProbabilities
from model.inference.many import Outcome, classify_many
from model.inference.parallel import map_in_order
from model.inference.prediction import Prediction

PREVIEW = 900  # pixels of the longer side on the page


@dataclass(frozen=True)
class Answer:
    """The answer to a file.

    Attributes:
        preview: A JPEG of the upright picture, never the bytes that came.
        thumbnail: A small JPEG of it.
        seen: A PNG of the network's input.
        prediction: The prediction, or None.
        error: Why there is none.
    """

    preview: bytes = b""
    thumbnail: bytes = b""
    seen: bytes = b""
    prediction: Prediction | None = None
    error: str = ""


@dataclass(frozen=True)
class Item:
    """A file that a visitor gave.

    Attributes:
        name: Its name.
        answer: Its answer.
        truth: Its true class, if that is known.
        kept: The number of the answer in the history, if it is saved.
        content: Its bytes.
    """

    name: str
    answer: Answer
    truth: str = ""
    kept: int | None = None
    content: bytes = field(default=b"", repr=False)

    @property
    def confidence(self) -> float:
        """The probability of the predicted class; 0 if there is no prediction."""
        return self.answer.prediction.best.probability if self.answer.prediction else 0.0


def answer(content: bytes, classifier: Classifier) -> Answer:
    """Classify a file's bytes and make the page's pictures of it; if that fails, the answer has a sentence."""
    try:
        return _with_pictures(Outcome(content, b"", classifier.classify(content)))
    except (InvalidImage, NoProbabilities) as error:
        return Answer(error=str(error))


def answers(contents: Iterable[bytes], classifier: Classifier) -> Iterator[Answer]:
    """Yield the same for many files, in their order, with all cores."""
    outcomes = classify_many(classifier, contents, lambda content: content, (InvalidImage, NoProbabilities))
    return map_in_order(_with_pictures, outcomes, cores())


def _with_pictures(outcome: Outcome[bytes]) -> Answer:
    if isinstance(outcome.result, Exception):
        return Answer(error=outcome.error)
    try:
        preview, small = process_image(
            outcome.item, lambda picture: (encode_jpeg(picture, PREVIEW), thumbnail(picture)), min_side=PREVIEW // 2
        )
    except InvalidImage as error:
        return Answer(error=str(error))
    seen = io.BytesIO()
    array_to_image(outcome.result.seen).save(seen, "PNG")
    return Answer(preview, small, seen.getvalue(), outcome.prediction)
