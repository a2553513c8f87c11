"""Answers that were given, kept if the user wants that, and what people said of them."""

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
from model.registry.database import reading, writing
from model.registry.locations import has_store
from model.registry.tables import ANSWERS

# Earlier versions kept answers without probabilities: SQLite's JSON functions stop at what Python writes for those.
WRITTEN = cast(ANSWERS.c.probabilities, String)
SOUND = and_(*(~WRITTEN.contains(f'", {word}]') for word in ("NaN", "Infinity", "-Infinity")))
# A CASE, as the conditions of a WHERE are looked at in any order.
TRUTH, LABEL = ANSWERS.c.truth, case((SOUND, ANSWERS.c.probabilities[(0, 0)].as_string()))
VERDICTS = {True: TRUTH == LABEL, False: TRUTH != LABEL, None: TRUTH.is_(None)}  # by KeptAnswer.right


AT_ONCE = 200  # answers that are read together, 2 MB with their thumbnails


class ForgottenError(StoreError):
    """An answer that is not in the history, or not any more; the message names it."""


@dataclass(frozen=True)
class KeptAnswer:
    """time, judged: seconds since 1970; probabilities: by class, highest first; truth: the right class, if a person
    said so; known_score, verdict: as a prediction has them, None where the network could not tell."""

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
        """The class that was answered."""
        return next(iter(self.probabilities))

    @property
    def right(self) -> bool | None:
        """Whether the answer was right, or None while nobody has said."""
        return None if self.truth is None else self.truth == self.label


def keep(content: bytes, prediction: Prediction, model_sha256: str, thumbnail: bytes | None = None) -> int:
    """Keep an answer, and of its picture only the SHA-256 and a thumbnail; returns its number.

    thumbnail: a JPEG of the picture, if there is one already. Raises StoreError, or NoProbabilities.
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
        truth = canonical_name(truth, classes)
        if truth not in classes:
            raise StoreError(
                _("{truth!r} is none of the classes: {names}").format(truth=truth, names=", ".join(classes[:20]))
            )
        connection.execute(update(ANSWERS).where(meant).values(truth=truth, judged=time.time()))


def list_answers(limit: int | None = None, right: Collection[bool | None] = tuple(VERDICTS)) -> list[KeptAnswer]:
    """The answers kept, the newest first. Raises StoreError.

    limit: at most so many; right: only those that were right, were wrong, or (None) that nobody has judged.
    """
    if not has_store():
        return []
    query = select(ANSWERS).where(or_(*(VERDICTS[verdict] for verdict in right)))
    query = query.where(SOUND).order_by(ANSWERS.c.id.desc()).limit(limit)
    with reading() as connection:
        rows = connection.execute(query).all()
    return list(map(as_kept, rows))


@dataclass(frozen=True)
class Tally:
    """How many answers a model gave, how many of them a person judged, and how many of those were right."""

    model: str
    answers: int
    judged: int
    right: int

    def count(self, verdict: bool | None) -> int:
        """How many of its answers were right, were wrong, or (None) nobody has judged."""
        return {True: self.right, False: self.judged - self.right, None: self.answers - self.judged}[verdict]


def tally() -> list[Tally]:
    """One for each model that answered, the one with the most answers first. Raises StoreError."""
    if not has_store():
        return []
    right = func.sum(case((VERDICTS[True], 1), else_=0))
    query = select(ANSWERS.c.model, func.count(), func.count(TRUTH), right).where(SOUND).group_by(ANSWERS.c.model)
    with reading() as connection:
        rows = connection.execute(query.order_by(func.count().desc(), ANSWERS.c.model)).all()
    return [Tally(model, int(answers), int(judged), int(right)) for model, answers, judged, right in rows]


def judged_classes() -> list[str]:
    """The right classes that were said of pictures, sorted; of several words on one picture the last counts.

    Raises StoreError.
    """
    if not has_store():
        return []
    query = select(ANSWERS.c.picture_sha256, TRUTH).where(SOUND, TRUTH.is_not(None)).order_by(ANSWERS.c.judged)
    with reading() as connection:
        last = dict(connection.execute(query).all())
    return sorted(set(last.values()))


def forget() -> int:
    """Delete every answer; returns how many there were. Raises StoreError."""
    if not has_store():
        return 0
    with writing() as connection:
        return connection.execute(delete(ANSWERS)).rowcount


def each_answer(newest_first: bool = False) -> Iterator[KeptAnswer]:
    """The answers kept when this begins, by and by: memory holds a few of them, however many there are.

    Raises StoreError.
    """
    return in_turns(SOUND, newest_first)


def each_judged() -> Iterator[KeptAnswer]:
    """The answers whose right class somebody said, the oldest first, as `each_answer` gives them.

    There is one a picture: where several were judged, the last word counts. Raises StoreError.
    """
    if not has_store():
        return
    query = select(ANSWERS.c.picture_sha256, ANSWERS.c.id).where(SOUND, TRUTH.is_not(None))
    with reading() as connection:
        last = set(dict(connection.execute(query.order_by(ANSWERS.c.judged, ANSWERS.c.id)).all()).values())
    yield from (answer for answer in in_turns(and_(SOUND, TRUTH.is_not(None))) if answer.id in last)


def in_turns(wanted: ColumnElement[bool], newest_first: bool = False) -> Iterator[KeptAnswer]:
    """Read AT_ONCE answers at a time; no connection is held while whoever asked works on them."""
    if not has_store():
        return
    query = select(ANSWERS).order_by(ANSWERS.c.id.desc() if newest_first else ANSWERS.c.id)
    with reading() as connection:
        newest = connection.execute(select(func.max(ANSWERS.c.id))).scalar() or 0
    low, high = 0, newest
    while True:
        with reading() as connection:
            rows = connection.execute(query.where(wanted, ANSWERS.c.id.between(low, high)).limit(AT_ONCE)).all()
        yield from map(as_kept, rows)
        if len(rows) < AT_ONCE:
            return
        low, high = (low, rows[-1].id - 1) if newest_first else (rows[-1].id + 1, high)


def as_kept(row: Any) -> KeptAnswer:
    return KeptAnswer(**dict(row._mapping) | {"probabilities": dict(row.probabilities)})


def export() -> Iterator[dict[str, Any]]:
    """Each answer as a JSON object without its thumbnail, the oldest first; times are ISO 8601 in UTC."""
    for answer in each_answer():
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
