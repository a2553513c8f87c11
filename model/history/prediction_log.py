"""Saved answers, and the feedback on them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, delete, func, insert, or_, select, update

from model.common.errors import StoreError
from model.datasets.class_matching import canonical_name
from model.i18n.translations import gettext as _
from model.images.decoder import process_image
from model.images.thumbnails import THUMBNAIL_SIDE
from model.images.thumbnails import thumbnail as small
from model.inference.classifier import check_probabilities
from model.inference.prediction import Prediction
from model.inference.unknown import UNKNOWN
from model.registry.database import erase_deleted, read_connection, write_connection
from model.registry.locations import has_store
from model.registry.tables import ANSWERS

# Earlier versions saved NaN and infinities too: SQLite's JSON functions fail at what Python writes for those.
_WRITTEN = cast(ANSWERS.c.probabilities, String)
_SOUND = and_(*(~_WRITTEN.contains(f'", {word}]') for word in ("NaN", "Infinity", "-Infinity")))
# A CASE, because the conditions of a WHERE are evaluated in any order.
_TRUE_LABEL, _LABEL = ANSWERS.c.truth, case((_SOUND, ANSWERS.c.probabilities[(0, 0)].as_string()))
# "None of the classes" is never right where somebody names one, even if it is the likeliest.
_OF_NONE = func.coalesce(ANSWERS.c.verdict, "") == UNKNOWN
_VERDICTS = {
    True: and_(_TRUE_LABEL == _LABEL, ~_OF_NONE),
    False: and_(_TRUE_LABEL.is_not(None), or_(_TRUE_LABEL != _LABEL, _OF_NONE)),
    None: _TRUE_LABEL.is_(None),
}  # by KeptAnswer.right


CHUNK = 200  # answers read at a time, 2 MB with their thumbnails


class ForgottenError(StoreError):
    """An answer is not in the history (any more); the message names it."""


@dataclass(frozen=True)
class KeptAnswer:
    """A saved answer.

    Attributes:
        id: Its number.
        time: When it was given, in seconds since 1970.
        picture_sha256: The SHA-256 of the picture's file.
        thumbnail: A JPEG of 160 x 160 pixels.
        model: The model's name.
        model_sha256: The SHA-256 of the model's file.
        probabilities: The probabilities by class, the highest first.
        truth: The true label, if a person has said it.
        judged: When they said it, in seconds since 1970.
        known_score: As in Prediction; None if the network has none.
        verdict: As in Prediction; None if the network has none.
    """

    id: int
    time: float
    picture_sha256: str
    thumbnail: bytes
    model: str
    model_sha256: str
    probabilities: dict[str, float]
    truth: str | None
    judged: float | None
    known_score: float | None = None
    verdict: str | None = None

    @property
    def label(self) -> str:
        """The predicted class."""
        return next(iter(self.probabilities))

    @property
    def right(self) -> bool | None:
        """Whether the answer was right; None if nobody has said."""
        return None if self.truth is None else self.truth == self.label and self.verdict != UNKNOWN


def save_answer(content: bytes, prediction: Prediction, model_sha256: str, thumbnail: bytes | None = None) -> int:
    """Save an answer, with only the SHA-256 and a thumbnail of its picture.

    Args:
        content: The bytes of the picture's file.
        prediction: The answer.
        model_sha256: The SHA-256 of the model's file.
        thumbnail: A JPEG of the picture, if there is one already.

    Returns:
        The answer's number.

    Raises:
        NoProbabilities: The probabilities are not finite.
        StoreError: It cannot be saved.
    """
    check_probabilities(prediction)
    row = {
        "time": time.time(),
        "picture_sha256": hashlib.sha256(content).hexdigest(),
        "thumbnail": process_image(content, small, min_side=THUMBNAIL_SIDE) if thumbnail is None else thumbnail,
        "model": prediction.model,
        "model_sha256": model_sha256,
        "probabilities": [[score.label, score.probability] for score in prediction.scores],
        "known_score": prediction.known_score,
        "verdict": prediction.verdict or None,
    }
    with write_connection() as connection:
        return int(connection.execute(insert(ANSWERS).values(row).returning(ANSWERS.c.id)).scalar_one())


def record_feedback(number: int, picture_sha256: str, true_label: str) -> None:
    """Record the true label of an answer's picture; it replaces an earlier one.

    Args:
        number: The answer's number.
        picture_sha256: The SHA-256 of its picture, because numbers start again after all answers are deleted.
        true_label: One of the answer's classes.

    Raises:
        ForgottenError: The answer is gone.
        StoreError: There is no such class, or it cannot be saved.
    """
    wanted = (ANSWERS.c.id == number) & (ANSWERS.c.picture_sha256 == picture_sha256)
    with write_connection() as connection:
        found = connection.execute(select(ANSWERS.c.probabilities).where(wanted)).scalar()
        if found is None:
            raise ForgottenError(_("there is no answer number {number} in the history").format(number=number))
        classes = [label for label, _probability in found]
        true_label = canonical_name(true_label, classes)
        if true_label not in classes:
            raise StoreError(
                _("{truth!r} is none of the classes: {names}").format(truth=true_label, names=", ".join(classes[:20]))
            )
        connection.execute(update(ANSWERS).where(wanted).values(truth=true_label, judged=time.time()))


def list_answers(limit: int | None = None, right: Collection[bool | None] = tuple(_VERDICTS)) -> list[KeptAnswer]:
    """List the saved answers, the newest first.

    Args:
        limit: The maximum number of answers.
        right: Only answers that were right (True), wrong (False) or have no feedback (None).

    Raises:
        StoreError: The history cannot be read.
    """
    if not has_store():
        return []
    query = select(ANSWERS).where(or_(*(_VERDICTS[verdict] for verdict in right)))
    query = query.where(_SOUND).order_by(ANSWERS.c.id.desc()).limit(limit)
    with read_connection() as connection:
        rows = connection.execute(query).all()
    return list(map(_to_answer, rows))


@dataclass(frozen=True)
class Tally:
    """How many answers a model gave, how many have feedback, and how many of those were right."""

    model: str
    answers: int
    judged: int
    right: int

    def count(self, verdict: bool | None) -> int:
        """Return how many answers were right (True), wrong (False) or have no feedback (None)."""
        return {True: self.right, False: self.judged - self.right, None: self.answers - self.judged}[verdict]


def count_by_model() -> list[Tally]:
    """Count the answers of each model, the model with the most answers first.

    Raises:
        StoreError: The history cannot be read.
    """
    if not has_store():
        return []
    right = func.sum(case((_VERDICTS[True], 1), else_=0))
    query = (
        select(ANSWERS.c.model, func.count(), func.count(_TRUE_LABEL), right).where(_SOUND).group_by(ANSWERS.c.model)
    )
    with read_connection() as connection:
        rows = connection.execute(query.order_by(func.count().desc(), ANSWERS.c.model)).all()
    return [Tally(model, int(answers), int(judged), int(right)) for model, answers, judged, right in rows]


def judged_classes() -> list[str]:
    """Return the true labels that people have said, sorted; for each picture the last one counts.

    Raises:
        StoreError: The history cannot be read.
    """
    if not has_store():
        return []
    query = (
        select(ANSWERS.c.picture_sha256, _TRUE_LABEL).where(_SOUND, _TRUE_LABEL.is_not(None)).order_by(ANSWERS.c.judged)
    )
    with read_connection() as connection:
        last = dict(connection.execute(query).all())
    return sorted(set(last.values()))


def delete_all_answers() -> int:
    """Delete all answers and return how many there were.

    Raises:
        StoreError: They cannot be deleted.
    """
    if not has_store():
        return 0
    with write_connection() as connection:
        count = connection.execute(delete(ANSWERS)).rowcount
    erase_deleted()
    return count


def iterate_answers(newest_first: bool = False) -> Iterator[KeptAnswer]:
    """Iterate over the answers that are saved now; only a few of them are in memory at a time.

    Raises:
        StoreError: The history cannot be read.
    """
    return _read_in_chunks(_SOUND, newest_first)


def iterate_judged() -> Iterator[KeptAnswer]:
    """Iterate over the answers with feedback, the oldest first, like `iterate_answers`.

    There is one for each picture: if several have feedback, the last one counts.

    Raises:
        StoreError: The history cannot be read.
    """
    if not has_store():
        return
    query = select(ANSWERS.c.picture_sha256, ANSWERS.c.id).where(_SOUND, _TRUE_LABEL.is_not(None))
    with read_connection() as connection:
        last = set(dict(connection.execute(query.order_by(ANSWERS.c.judged, ANSWERS.c.id)).all()).values())
    yield from (answer for answer in _read_in_chunks(and_(_SOUND, _TRUE_LABEL.is_not(None))) if answer.id in last)


def _read_in_chunks(wanted: ColumnElement[bool], newest_first: bool = False) -> Iterator[KeptAnswer]:
    """Read CHUNK answers at a time; no connection is held while the caller works on them."""
    if not has_store():
        return
    query = select(ANSWERS).order_by(ANSWERS.c.id.desc() if newest_first else ANSWERS.c.id)
    with read_connection() as connection:
        newest = connection.execute(select(func.max(ANSWERS.c.id))).scalar() or 0
    low, high = 0, newest
    while True:
        with read_connection() as connection:
            rows = connection.execute(query.where(wanted, ANSWERS.c.id.between(low, high)).limit(CHUNK)).all()
        yield from map(_to_answer, rows)
        if len(rows) < CHUNK:
            return
        low, high = (low, rows[-1].id - 1) if newest_first else (rows[-1].id + 1, high)


def _to_answer(row: Any) -> KeptAnswer:
    return KeptAnswer(**dict(row._mapping) | {"probabilities": dict(row.probabilities)})


def export_answers() -> Iterator[dict[str, Any]]:
    """Iterate over the answers as JSON objects without thumbnails, the oldest first; times are ISO 8601 in UTC."""
    for answer in iterate_answers():
        yield {
            "id": answer.id,
            "time": datetime.fromtimestamp(answer.time, UTC).isoformat(timespec="seconds"),
            "picture_sha256": answer.picture_sha256,
            "model": answer.model,
            "model_sha256": answer.model_sha256,
            "category": answer.label,
            "known_score": answer.known_score,
            "verdict": answer.verdict,
            "probabilities": answer.probabilities,
            "truth": answer.truth,
            "right": answer.right,
        }
