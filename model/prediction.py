"""What a classifier says about one picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ClassScore:
    """One class with its probability, 0 to 1."""

    label: str
    index: int
    probability: float


@dataclass(frozen=True)
class Prediction:
    """All classes of one picture, most probable first, and which model said so in how many milliseconds."""

    scores: tuple[ClassScore, ...]
    model: str
    milliseconds: float

    @classmethod
    def from_probabilities(
        cls, probabilities: list[float], classes: tuple[str, ...], model: str, milliseconds: float
    ) -> Prediction:
        """Sort one row of probabilities; ties keep the classes' order."""
        scores = [
            ClassScore(label, index, float(value))
            for index, (label, value) in enumerate(zip(classes, probabilities, strict=True))
        ]
        return cls(tuple(sorted(scores, key=lambda score: -score.probability)), model, milliseconds)

    @property
    def best(self) -> ClassScore:
        return self.scores[0]

    def top(self, k: int) -> tuple[ClassScore, ...]:
        """The k most probable classes, or all if there are fewer."""
        return self.scores[:k]


def to_record(file: str, prediction: Prediction | None, error: str, model: str) -> dict[str, object]:
    """One file's answer as the JSON object that the command line, the downloads and the API share."""
    if prediction is None:
        return {"file": file, "error": error}
    best = prediction.best
    scores = [
        {"label": score.label, "index": score.index, "probability": score.probability} for score in prediction.scores
    ]
    return {
        "file": file,
        "category": best.label,
        "predicted_class": best.index,
        "confidence": best.probability,
        "predictions": scores,
        "model": model,
    }
