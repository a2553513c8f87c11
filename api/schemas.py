"""The JSON of the responses, and its description for /api/docs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field

from model.inference.classifier import engines_of
from model.registry.card import Card


class Score(BaseModel):
    """A class with its probability, 0 to 1."""

    label: str
    index: int
    probability: float


class Likeness(BaseModel):
    """A class besides the network's own, with its probability, 0 to 1."""

    label: str
    probability: float


class PredictionSet(BaseModel):
    """The classes that the true one is among, for pictures like those that the network was fitted on."""

    coverage: float = Field(description="how often the true class is among them, 0 to 1", examples=[0.95])
    labels: list[str] = Field(description="the classes, most probable first", examples=[["cat", "dog"]])


class Answer(BaseModel):
    """The prediction for a picture: the record of `model.inference.prediction.to_record`."""

    success: bool = True
    file: str = Field(description="the file's name in the form; empty for bytes that came without one")
    category: str = Field(description="the best class's name", examples=["frog"])
    predicted_class: str = Field(description="the best class's index as text", examples=["6"])
    index: int = Field(description="the best class's index", examples=[6])
    confidence: float = Field(description="the best class's probability", examples=[0.97])
    known_score: float | None = Field(
        None, description="how likely it is that the picture shows one of the classes; only for networks that can tell"
    )
    verdict: str = Field("", description="the same in a word: `known`, `unsure` or `unknown`", examples=["known"])
    looks_like: Likeness | None = Field(
        None, description="the most probable of ImageNet's classes, if the network knows them"
    )
    prediction_set: PredictionSet | None = Field(None, description="only for networks that have prediction sets")
    predictions: list[Score] = Field(description="all classes or the `top_k` best, most probable first")
    model: str
    engine: str = Field(examples=["keras", "int8"])
    milliseconds: float = Field(
        description="from the picture's first byte to its last probability; of what several took together, its share"
    )
    note: str = Field("", description="only for files that were cut off or brightened")


class Failure(BaseModel):
    """Why there is no answer, in a sentence."""

    success: bool = False
    error: str


class FileFailure(Failure):
    """One of many files could not be read; the others have their predictions."""

    file: str


class Model(BaseModel):
    """A model in the list."""

    name: str
    default: bool
    engines: list[str]
    classes: list[str]
    input_size: int = Field(description="the height of the pictures that it takes, in pixels")
    input_shape: tuple[int, int, int] = Field(description="height, width, and 3 for RGB or 1 for grey")
    exclusive: bool = Field(description="whether a picture shows exactly one class, so that its probabilities sum to 1")
    parameters: int
    accuracy: dict[str, dict[str, float]]


class Health(BaseModel):
    """ready: a network is loaded and answers at once; failed: the default cannot be loaded, and the log says why."""

    status: str = Field(examples=["ready", "loading", "failed"])


class TeachProject(BaseModel):
    """A project of classes that are taught."""

    name: str
    classes: dict[str, int] = Field(description="how many pictures each class has", examples=[{"cat": 24, "dog": 19}])


class AddedPicture(BaseModel):
    """What became of a picture that was sent to a class."""

    file: str
    status: str = Field(description="`added`, `known` (the class has it already) or `refused`", examples=["added"])
    error: str = Field("", description="why it was refused")


class Finding(BaseModel):
    """One sentence about what was learnt, and the files that it is about."""

    kind: str = Field(examples=["suspect", "duplicate", "more"])
    level: str = Field(description="`good`, `note` or `warning`", examples=["warning"])
    text: str
    files: list[str]


class TaughtNetwork(BaseModel):
    """A network that was taught: from now on it is one of `/api/models`."""

    model: str
    classes: dict[str, int]
    held_out: int = Field(description="pictures that were held out once in cross-validation")
    right: int = Field(description="how many of them were right")
    accuracy: float | None = Field(description="none while no class has two pictures")
    interval: tuple[float, float] | None = Field(description="95 % confidence interval of the accuracy")
    confusion: list[list[int]] = Field(description="held-out pictures, [true][predicted]")
    findings: list[Finding]
    seconds: float = Field(description="from pictures whose features are known to the answer")


def model_answer(name: str, card: Card, default: bool) -> dict[str, object]:
    """Return a model as the list shows it, with the fields of `Model`."""
    fields = {
        key: getattr(card, key)
        for key in ("classes", "input_size", "input_shape", "exclusive", "parameters", "accuracy")
    }
    return {"name": name, "default": default, "engines": engines_of(card)} | fields


def card_answer(card: Card) -> dict[str, Any]:
    """Return a model's card and its engines."""
    return asdict(card) | {"engines": engines_of(card), "input_shape": card.input_shape, "exclusive": card.exclusive}


def to_response(content: object, status: int = 200) -> Response:
    """Return JSON without checking it against the schema, which would cost more than the network does."""
    return Response(_to_json(content), status, media_type="application/json")


def to_list_response(entries: Iterable[object]) -> Response:
    """Return a list like `to_response`, from a thread: it may be long.

    Each entry is written by itself, because Python's lock is held for as long as one is being written.
    """
    return Response(f"[{', '.join(map(_to_json, entries))}]", media_type="application/json")


def _to_json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False)
