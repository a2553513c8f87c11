"""The prediction for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LIKELY = 0.5  # classes that do not exclude each other are part of the answer from this probability on


@dataclass(frozen=True)
class ClassScore:
    """A class with its index and probability, 0 to 1."""

    label: str
    index: int
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The probabilities of all classes for one picture.

    Attributes:
        scores: All classes, the most probable first.
        model: The name of the model.
        milliseconds: How long it took; of pictures that went through the network together, its share.
        engine: The engine; empty if an older server did not say.
        note: A sentence about the picture's file, to read before believing the answer; mostly empty.
        exclusive: Whether a picture shows exactly one class; if not, the probabilities need not sum to 1.
        known_score: How likely it is that the picture shows one of the classes at all, 0 to 1; None if the network
            has no such score.
        verdict: `known`, `unsure`, `unknown` or empty.
        looks_like: The most probable of ImageNet's classes, for a network that knows them.
        prediction_set: The classes that the true one is among as often as `set_coverage` says, for pictures like those
            that the network's sets were fitted on; empty for a network without prediction sets.
        set_coverage: 0 to 1; 0 for a network without prediction sets.
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
    prediction_set: tuple[ClassScore, ...] = ()
    set_coverage: float = 0.0

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
        """Build a prediction from a row of probabilities; ties keep the order of the classes.

        Args:
            probabilities: One for each class.
            classes: The names of the classes.
            model: As in the attributes.
            milliseconds: As in the attributes.
            engine: As in the attributes.
            note: As in the attributes.
            exclusive: As in the attributes.
        """
        scores = [
            ClassScore(label, index, float(value))
            for index, (label, value) in enumerate(zip(classes, probabilities, strict=True))
        ]
        ordered = tuple(sorted(scores, key=lambda score: -score.probability))
        return cls(ordered, model, milliseconds, engine, note, exclusive)

    @property
    def best(self) -> ClassScore:
        """The most probable class."""
        return self.scores[0]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all classes, the most probable first."""
        return tuple(score.label for score in self.scores)

    @property
    def answers(self) -> tuple[ClassScore, ...]:
        """The classes that the picture shows: the best one, or, if they are not exclusive, all from LIKELY on."""
        if self.exclusive:
            return self.scores[:1]
        return tuple(score for score in self.scores if score.probability >= LIKELY)

    def top(self, k: int) -> tuple[ClassScore, ...]:
        """Return the k most probable classes, or all if there are fewer."""
        return self.scores[:k]


# The keys of a record besides `predictions` and `error`, in this order.
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
    """Return the answer for a file as the JSON object of the command line, the downloads and the API.

    `predicted_class` is the index as text, for clients that look up a name by it. Without a prediction there are only
    the file and the error. A note, a known score and a likeness are there only if the prediction has them.

    Args:
        file: The name of the file.
        prediction: The prediction, or None.
        error: Why there is none.
        top_k: The maximum number of classes to list; None for all.
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
        **_known_record(prediction),
        "predictions": [
            {"label": score.label, "index": score.index, "probability": score.probability} for score in listed
        ],
        "model": prediction.model,
        "engine": prediction.engine,
        "milliseconds": round(prediction.milliseconds, 3),
    }
    return record | ({"note": prediction.note} if prediction.note else {})


def _known_record(prediction: Prediction) -> dict[str, Any]:
    """Return the part of the record that says whether the picture shows one of the classes at all."""
    record: dict[str, Any] = {}
    if prediction.known_score is not None:
        record |= {"known_score": round(prediction.known_score, 4), "verdict": prediction.verdict}
    if like := prediction.looks_like:
        record["looks_like"] = {"label": like.label, "probability": like.probability}
    if prediction.prediction_set:
        labels = [score.label for score in prediction.prediction_set]
        record["prediction_set"] = {"coverage": prediction.set_coverage, "labels": labels}
    return record
