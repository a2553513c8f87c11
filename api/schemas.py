"""The JSON that goes out, and its description for /api/docs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field

from model.bundle import Card
from model.classifier import engines_of
from model.prediction import Prediction


class Score(BaseModel):
    """One class with its probability, 0 to 1."""

    label: str
    index: int
    probability: float


class Answer(BaseModel):
    """What the network says of one picture."""

    success: bool = True
    predicted_class: str = Field(description="the best class's index", examples=["6"])
    category: str = Field(description="the best class's name", examples=["frog"])
    confidence: float = Field(description="the best class's probability", examples=[0.97])
    predictions: list[Score] = Field(description="all classes or the `top_k` best, most probable first")
    model: str
    milliseconds: float = Field(description="from the picture's first byte to its last probability")


class Failure(BaseModel):
    """Why there is no answer, in a sentence."""

    success: bool = False
    error: str


class FileAnswer(Answer):
    """The answer for one of many files."""

    file: str


class FileFailure(Failure):
    """A file of many that could not be read; the others have their answers."""

    file: str


class Model(BaseModel):
    """A model in the list."""

    name: str
    default: bool
    engines: list[str]
    classes: list[str]
    input_size: int
    parameters: int
    accuracy: dict[str, dict[str, float]]


class Health(BaseModel):
    """ready: a network is loaded and answers at once; failed: the default does not load, the log says why."""

    status: str = Field(examples=["ready", "loading", "failed"])


def answer(prediction: Prediction, top_k: int | None) -> dict[str, object]:
    """One picture's answer, in the words of `Answer`."""
    best = prediction.best
    scores = prediction.scores if top_k is None else prediction.top(top_k)
    return {
        "success": True,
        "predicted_class": str(best.index),
        "category": best.label,
        "confidence": best.probability,
        "predictions": [
            {"label": score.label, "index": score.index, "probability": score.probability} for score in scores
        ],
        "model": prediction.model,
        "milliseconds": round(prediction.milliseconds, 3),
    }


def model_answer(name: str, card: Card, default: bool) -> dict[str, object]:
    """A model in the list, in the words of `Model`."""
    kept = {key: getattr(card, key) for key in ("classes", "input_size", "parameters", "accuracy")}
    return {"name": name, "default": default, "engines": engines_of(card)} | kept


def card_answer(card: Card) -> dict[str, Any]:
    """A model's card and the engines that it has."""
    return asdict(card) | {"engines": engines_of(card)}


def to_response(content: object, status: int = 200) -> Response:
    """JSON as it is, without a check against the schema, which would cost more than the network does."""
    return Response(json.dumps(content, ensure_ascii=False, allow_nan=False), status, media_type="application/json")
