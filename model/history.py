"""Answers that were given, kept if the user wants that, and what people said of them."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Float, Integer, LargeBinary, String, column, delete, insert, select, table, update

from model.bundle import has_store
from model.database import StoreError, reading, writing
from model.images import read_image
from model.language import gettext as _
from model.prediction import Prediction
from model.thumbnail import SIDE
from model.thumbnail import thumbnail as small

KEPT = {
    "id": Integer,
    "time": Float,
    "picture_sha256": String,
    "thumbnail": LargeBinary,
    "model": String,
    "model_sha256": String,
    "probabilities": JSON,
    "truth": String,
    "judged": Float,
}
ANSWERS = table("answers", *(column(name, kind) for name, kind in KEPT.items()))


class ForgottenError(StoreError):
    """An answer that is not in the history, or not any more; the message names it."""


@dataclass(frozen=True)
class KeptAnswer:
    """time, judged: seconds since 1970; probabilities: by class, highest first; truth: the right class, if a person
    said so."""

    id: int
    time: float
    picture_sha256: str
    thumbnail: bytes
    model: str
    model_sha256: str
    probabilities: dict[str, float]
    truth: str | None
    judged: float | None

    @property
    def label(self) -> str:
        """The class that was answered."""
        return next(iter(self.probabilities))

    @property
    def right(self) -> bool | None:
        """Whether the answer was right, or None while nobody has said."""
        return None if self.truth is None else self.truth == self.label


def keep(content: bytes, prediction: Prediction, model_sha256: str, thumbnail: bytes | None = None) -> int:
    """Keep an answer, and of its picture only the SHA-256 and a thumbnail; returns its number. Raises StoreError.

    thumbnail: a JPEG of the picture, if there is one already.
    """
    row = {
        "time": time.time(),
        "picture_sha256": hashlib.sha256(content).hexdigest(),
        "thumbnail": small(read_image(content, at_least=SIDE)) if thumbnail is None else thumbnail,
        "model": prediction.model,
        "model_sha256": model_sha256,
        "probabilities": [[score.label, score.probability] for score in prediction.scores],
    }
    with writing() as connection:
        return int(connection.execute(insert(ANSWERS).values(row).returning(ANSWERS.c.id)).scalar_one())


def judge(number: int, picture_sha256: str, truth: str) -> None:
    """Write down the right class of an answer; a second verdict replaces the first. Raises StoreError.

    picture_sha256: of the answer's picture, as a number is given anew once all answers are forgotten: ForgottenError.
    """
    meant = (ANSWERS.c.id == number) & (ANSWERS.c.picture_sha256 == picture_sha256)
    with writing() as connection:
        found = connection.execute(select(ANSWERS.c.probabilities).where(meant)).scalar()
        if found is None:
            raise ForgottenError(_("there is no answer number {number} in the history").format(number=number))
        classes = [label for label, _probability in found]
        if truth not in classes:
            raise StoreError(
                _("{truth!r} is none of the classes: {names}").format(truth=truth, names=", ".join(classes[:20]))
            )
        connection.execute(update(ANSWERS).where(meant).values(truth=truth, judged=time.time()))


def list_answers(limit: int | None = None) -> list[KeptAnswer]:
    """The answers kept, the newest first. Raises StoreError."""
    if not has_store():
        return []
    query = select(*(ANSWERS.c[name] for name in KEPT)).order_by(ANSWERS.c.id.desc()).limit(limit)
    with reading() as connection:
        rows = connection.execute(query).all()
    return [KeptAnswer(**dict(row._mapping) | {"probabilities": dict(row.probabilities)}) for row in rows]


@dataclass(frozen=True)
class Tally:
    """How many answers a model gave, how many of them a person judged, and how many of those were right."""

    model: str
    answers: int
    judged: int
    right: int


def tally(answers: Sequence[KeptAnswer]) -> list[Tally]:
    """One for each model, the one with the most answers first."""
    models = Counter(answer.model for answer in answers)
    judged = Counter(answer.model for answer in answers if answer.right is not None)
    right = Counter(answer.model for answer in answers if answer.right)
    return [Tally(model, count, judged[model], right[model]) for model, count in models.most_common()]


def forget() -> int:
    """Delete every answer; returns how many there were. Raises StoreError."""
    if not has_store():
        return 0
    with writing() as connection:
        return connection.execute(delete(ANSWERS)).rowcount


def export() -> Iterator[dict[str, Any]]:
    """Each answer as a JSON object without its thumbnail, the oldest first; times are ISO 8601 in UTC."""
    for answer in reversed(list_answers()):
        yield {
            "id": answer.id,
            "time": datetime.fromtimestamp(answer.time, UTC).isoformat(timespec="seconds"),
            "picture_sha256": answer.picture_sha256,
            "model": answer.model,
            "model_sha256": answer.model_sha256,
            "category": answer.label,
            "probabilities": answer.probabilities,
            "truth": answer.truth,
            "right": answer.right,
        }
