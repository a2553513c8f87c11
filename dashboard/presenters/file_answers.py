"""What a page shows of one file: pictures for the browser and the prediction, or the sentence that says why not."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from model.images.decoder import InvalidImage, array_to_image, process_image
from model.images.thumbnails import encode_jpeg, thumbnail
from model.inference.classifier import Classifier, NoProbabilities
from model.inference.prediction import Prediction

PREVIEW = 900  # pixels of the longer side on the page


@dataclass(frozen=True)
class Answer:
    """preview, thumbnail: JPEG of the upright picture, never the bytes that came; seen: PNG of the network's input."""

    preview: bytes = b""
    thumbnail: bytes = b""
    seen: bytes = b""
    prediction: Prediction | None = None
    error: str = ""


@dataclass(frozen=True)
class Item:
    """One file that somebody gave: its name and bytes as they came, its answer, its true class where that is known, and
    the number of its answer in the history where it is kept."""

    name: str
    answer: Answer
    truth: str = ""
    kept: int | None = None
    content: bytes = field(default=b"", repr=False)

    @property
    def confidence(self) -> float:
        """The probability of the answer; 0 for a file that could not be read."""
        return self.answer.prediction.best.probability if self.answer.prediction else 0.0


def answer(content: bytes, classifier: Classifier) -> Answer:
    """Classify one file's bytes and make the page's pictures of it; without an answer there is a sentence."""
    try:
        result = classifier.classify(content)
        preview, small = process_image(
            content, lambda picture: (encode_jpeg(picture, PREVIEW), thumbnail(picture)), min_side=PREVIEW // 2
        )
    except (InvalidImage, NoProbabilities) as error:
        return Answer(error=str(error))
    seen = io.BytesIO()
    array_to_image(result.seen).save(seen, "PNG")
    return Answer(preview, small, seen.getvalue(), result.prediction)
