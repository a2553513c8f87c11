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
    """All classes of one picture, most probable first, and who said so in how many milliseconds of the model's time."""

    scores: tuple[ClassScore, ...]
    model: str
    milliseconds: float

    @classmethod
    def from_probabilities(cls, probabilities: list[float], classes: tuple[str, ...], model: str, milliseconds: float) -> Prediction:
        """Sort one row of probabilities; ties keep the classes' order."""
        scores = [ClassScore(label, index, float(value)) for index, (label, value) in enumerate(zip(classes, probabilities, strict=True))]
        return cls(tuple(sorted(scores, key=lambda score: -score.probability)), model, milliseconds)

    @property
    def best(self) -> ClassScore:
        return self.scores[0]

    def top(self, k: int) -> tuple[ClassScore, ...]:
        """The k most probable classes, or all if there are fewer."""
        return self.scores[:k]
