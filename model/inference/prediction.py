"""What a classifier says about one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LIKELY = 0.5  # a class that others do not exclude is part of the answer from here on


@dataclass(frozen=True)
class ClassScore:
    """One class with its probability, 0 to 1."""

    label: str
    index: int
    probability: float


@dataclass(frozen=True)
class Prediction:
    """All classes of one picture, most probable first, and who said so in how many milliseconds.

    engine: what the model ran on; empty where an older server did not say. note: a sentence on the picture's file, to
    be read before the answer is believed; empty for most. exclusive: whether a picture is of one of the classes alone;
    otherwise each class has a probability of its own, and together they need not make 1. known_score: how sure it is
    that the picture shows one of the classes at all, 0 to 1, and verdict: `known`, `unsure` or `unknown`; None and
    empty for a network that cannot tell. looks_like: the most probable of ImageNet's thousand classes, for a network
    that knows them.
    """

    scores: tuple[ClassScore, ...]
    model: str
    milliseconds: float
    engine: str = ""
    note: str = ""
    exclusive: bool = True
    known_score: float | None = None
    verdict: str = ""
    looks_like: ClassScore | None = None

    @classmethod
    def from_probabilities(
        cls,
        probabilities: list[float],
        classes: tuple[str, ...],
        model: str,
        milliseconds: float,
        engine: str = "",
        note: str = "",
        exclusive: bool = True,
    ) -> Prediction:
        """Sort one row of probabilities; ties keep the classes' order."""
        scores = [
            ClassScore(label, index, float(value))
            for index, (label, value) in enumerate(zip(classes, probabilities, strict=True))
        ]
        ordered = tuple(sorted(scores, key=lambda score: -score.probability))
        return cls(ordered, model, milliseconds, engine, note, exclusive)

    @property
    def best(self) -> ClassScore:
        return self.scores[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """Every class that the network knows, the most probable first."""
        return tuple(score.label for score in self.scores)

    @property
    def answers(self) -> tuple[ClassScore, ...]:
        """The classes that the picture is said to show: the best, or each likelier than not, if any, of several."""
        if self.exclusive:
            return self.scores[:1]
        return tuple(score for score in self.scores if score.probability >= LIKELY)

    def top(self, k: int) -> tuple[ClassScore, ...]:
        """The k most probable classes, or all if there are fewer."""
        return self.scores[:k]


# What a record says of a file beside its `predictions` or its `error`, in this order.
FIELDS = (
    "file",
    "category",
    "predicted_class",
    "index",
    "confidence",
    "known_score",
    "verdict",
    "model",
    "engine",
    "milliseconds",
)


def to_record(file: str, prediction: Prediction | None, error: str = "", top_k: int | None = None) -> dict[str, Any]:
    """One file's answer as the JSON object of the command line, the downloads and the API.

    `predicted_class` is the index as text, for clients that look a name up by it. Without a prediction there are only
    the file and the error; a note, a known score and a likeness only where there is one. top_k: at most so many of the
    classes are listed.
    """
    if prediction is None:
        return {"file": file, "error": error}
    best = prediction.best
    listed = prediction.scores if top_k is None else prediction.top(top_k)
    record = {
        "file": file,
        "category": best.label,
        "predicted_class": str(best.index),
        "index": best.index,
        "confidence": best.probability,
        **known_record(prediction),
        "predictions": [
            {"label": score.label, "index": score.index, "probability": score.probability} for score in listed
        ],
        "model": prediction.model,
        "engine": prediction.engine,
        "milliseconds": round(prediction.milliseconds, 3),
    }
    return record | ({"note": prediction.note} if prediction.note else {})


def known_record(prediction: Prediction) -> dict[str, Any]:
    """What a record says of whether the picture shows one of the classes at all; nothing where nobody can tell."""
    record: dict[str, Any] = {}
    if prediction.known_score is not None:
        record |= {"known_score": round(prediction.known_score, 4), "verdict": prediction.verdict}
    if like := prediction.looks_like:
        record["looks_like"] = {"label": like.label, "probability": like.probability}
    return record
