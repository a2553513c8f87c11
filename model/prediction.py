"""What a classifier says about one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
    be read before the answer is believed; empty for most.
    """

    scores: tuple[ClassScore, ...]
    model: str
    milliseconds: float
    engine: str = ""
    note: str = ""

    @classmethod
    def from_probabilities(
        cls,
        probabilities: list[float],
        classes: tuple[str, ...],
        model: str,
        milliseconds: float,
        engine: str = "",
        note: str = "",
    ) -> Prediction:
        """Sort one row of probabilities; ties keep the classes' order."""
        scores = [
            ClassScore(label, index, float(value))
            for index, (label, value) in enumerate(zip(classes, probabilities, strict=True))
        ]
        return cls(tuple(sorted(scores, key=lambda score: -score.probability)), model, milliseconds, engine, note)

    @property
    def best(self) -> ClassScore:
        return self.scores[0]

    def top(self, k: int) -> tuple[ClassScore, ...]:
        """The k most probable classes, or all if there are fewer."""
        return self.scores[:k]


# What a record says of a file beside its `predictions` or its `error`, in this order.
FIELDS = ("file", "category", "predicted_class", "index", "confidence", "model", "engine", "milliseconds")


def to_record(file: str, prediction: Prediction | None, error: str = "", top_k: int | None = None) -> dict[str, Any]:
    """One file's answer as the JSON object of the command line, the downloads and the API.

    `predicted_class` is the index as text, for clients that look a name up by it. Without a prediction there are only
    the file and the error; a note only where there is one. top_k: at most so many of the classes are listed.
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
        "predictions": [
            {"label": score.label, "index": score.index, "probability": score.probability} for score in listed
        ],
        "model": prediction.model,
        "engine": prediction.engine,
        "milliseconds": round(prediction.milliseconds, 3),
    }
    return record | ({"note": prediction.note} if prediction.note else {})
