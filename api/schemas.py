"""The JSON that goes out, and its description for /api/docs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field

from model.inference.classifier import engines_of
from model.registry.card import Card


class Score(BaseModel):
    """One class with its probability, 0 to 1."""

    label: str
    index: int
    probability: float


class Likeness(BaseModel):
    """A class that a network knows beside its own, with its probability, 0 to 1."""

    label: str
    probability: float


class Answer(BaseModel):
    """What the network says of one picture: the record of `model.prediction.to_record`."""

    success: bool = True
    file: str = Field(description="the file's name in the form; empty for bytes that came without one")
    category: str = Field(description="the best class's name", examples=["frog"])
    predicted_class: str = Field(description="the best class's index as text", examples=["6"])
    index: int = Field(description="the best class's index", examples=[6])
    confidence: float = Field(description="the best class's probability", examples=[0.97])
    known_score: float | None = Field(
        None, description="how sure it is that the picture shows one of the classes; there for networks that can tell"
    )
    verdict: str = Field("", description="from that: `known`, `unsure` or `unknown`", examples=["known"])
    looks_like: Likeness | None = Field(None, description="the likeliest of ImageNet's classes, if it knows them")
    predictions: list[Score] = Field(description="all classes or the `top_k` best, most probable first")
    model: str
    engine: str = Field(examples=["keras", "int8"])
    milliseconds: float = Field(description="from the picture's first byte to its last probability")
    note: str = Field("", description="of a file that was cut off or brightened; there only for those")


class Failure(BaseModel):
    """Why there is no answer, in a sentence."""

    success: bool = False
    error: str


class FileFailure(Failure):
    """A file of many that could not be read; the others have their answers."""

    file: str


class Model(BaseModel):
    """A model in the list."""

    name: str
    default: bool
    engines: list[str]
    classes: list[str]
    input_size: int = Field(description="the height of the pictures that it takes, in pixels")
    input_shape: tuple[int, int, int] = Field(description="height, width, and 3 for RGB or 1 for grey")
    exclusive: bool = Field(description="whether a picture is of one class alone, so that its probabilities sum to 1")
    parameters: int
    accuracy: dict[str, dict[str, float]]


class Health(BaseModel):
    """ready: a network is loaded and answers at once; failed: the default does not load, the log says why."""

    status: str = Field(examples=["ready", "loading", "failed"])


def model_answer(name: str, card: Card, default: bool) -> dict[str, object]:
    """A model in the list, in the words of `Model`."""
    kept = {
        key: getattr(card, key)
        for key in ("classes", "input_size", "input_shape", "exclusive", "parameters", "accuracy")
    }
    return {"name": name, "default": default, "engines": engines_of(card)} | kept


def card_answer(card: Card) -> dict[str, Any]:
    """A model's card and the engines that it has."""
    return asdict(card) | {"engines": engines_of(card), "input_shape": card.input_shape, "exclusive": card.exclusive}


def to_response(content: object, status: int = 200) -> Response:
    """JSON as it is, without a check against the schema, which would cost more than the network does."""
    return Response(json.dumps(content, ensure_ascii=False, allow_nan=False), status, media_type="application/json")
