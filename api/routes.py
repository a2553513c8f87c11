"""What can be asked over HTTP."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.bodies import check_size, read_pictures
from api.inference import Inference
from api.metrics import Metrics
from api.multipart import File
from api.problems import Problem
from api.schemas import (
    Answer,
    Failure,
    FileFailure,
    Health,
    Model,
    card_answer,
    model_answer,
    to_response,
)
from model.common.errors import BundleError
from model.inference.prediction import to_record
from model.registry.card import read_card
from model.registry.resolution import bundle_folders

log = logging.getLogger(__name__)
ModelName = Annotated[str | None, Query(description="a name of `/api/models`; the server's default if none")]
EngineName = Annotated[str | None, Query(description="`keras` or `int8`; the server's default if none")]
TopK = Annotated[int | None, Query(ge=1, description="how many classes to list; all if none")]


def form(field: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A body for the documentation: a form whose file field is `field`, or one of the others."""
    described = {"multipart/form-data": {"schema": {"type": "object", "properties": field}}, **others}
    return {"requestBody": {"required": True, "content": described}}


BYTES = {"type": "string", "format": "binary"}
ONE = form(
    {"image": BYTES},
    **{
        "image/*": {"schema": BYTES},
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"image": {"type": "string", "format": "byte", "description": "base64"}},
            }
        },
    },
)
MANY = form({"images": {"type": "array", "items": BYTES}})
WHY = {
    400: "not an image",
    401: "no token, or a wrong one",
    404: "unknown model",
    408: "the body stopped half-way",
    413: "too large",
    415: "a content type that is not taken",
    422: "a body or a value that cannot be used",
    500: "the model cannot be used, or something went wrong here",
    503: "too much at once; come back after Retry-After seconds",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": why} for status, why in WHY.items()
}
router = APIRouter()


def inference_of(request: Request) -> Inference:
    inference: Inference = request.app.state.inference
    return inference


def metrics_of(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


async def answer_file(
    request: Request, file: File, model: str | None, engine: str | None, top_k: int | None
) -> dict[str, object]:
    """One picture's answer, counted. Raises Problem."""
    check_size(file)
    prediction = await inference_of(request).predict(bytes(file.content), model, engine)
    metrics_of(request).answers.labels(prediction.model, prediction.best.label).inc()
    return {"success": True} | to_record(file.name, prediction, top_k=top_k)


@router.post("/predict", response_model=Answer, responses=ERRORS, openapi_extra=ONE)
async def predict(request: Request, model: ModelName = None, engine: EngineName = None, top_k: TopK = None) -> Response:
    """What is in one picture: a form with a file in a field of any name, raw bytes, or base64 in JSON."""
    inference = inference_of(request)
    inference.check_room()
    (file,) = await read_pictures(request, most=1)
    with inference.place():
        return to_response(await answer_file(request, file, model, engine, top_k))


@router.post("/api/predict", response_model=list[Answer | FileFailure], responses=ERRORS, openapi_extra=MANY)
async def predict_many(
    request: Request, model: ModelName = None, engine: EngineName = None, top_k: TopK = None
) -> Response:
    """What is in many pictures: an answer for each file in the order of the form, or why it has none."""
    inference = inference_of(request)
    inference.check_room()
    files = await read_pictures(request, inference.settings.batch_files)
    at_once = asyncio.Semaphore(inference.settings.threads)  # more would only wait before the threads

    async def one(file: File) -> dict[str, object]:
        async with at_once:
            try:
                return await answer_file(request, file, model, engine, top_k)
            except Problem as problem:
                if problem.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
                    raise  # what is wrong with the request and not with a file
                return {"success": False} | to_record(file.name, None, problem.sentence)

    with inference.place():
        return to_response(await asyncio.gather(*(one(file) for file in files)))


@router.get("/api/models", response_model=list[Model])
async def models(request: Request) -> Response:
    """The models that can be asked; `default` is the one that answers when none is named."""
    inference = inference_of(request)
    return to_response(await inference.run(None, lambda: list_models(inference)))


def list_models(inference: Inference) -> list[dict[str, object]]:
    """Every model that can be read, by the name to ask it by. Raises BundleError."""
    default = inference.default_folder()
    listed = []
    for name, folder in bundle_folders().items():
        try:
            listed.append(model_answer(name, read_card(folder), folder == default))
        except BundleError as error:  # it cannot be asked; the others can
            log.warning("%s", error)
    return listed


@router.get("/api/models/{name}", responses={404: ERRORS[404]})
async def model(request: Request, name: str) -> Response:
    """A model's card: classes, sizes, accuracy, SHA-256 of its files."""
    inference = inference_of(request)
    choice = await inference.run(None, lambda: inference.choose(name, None))
    return to_response(card_answer(choice.card))


@router.head("/api/health", include_in_schema=False)
@router.get("/api/health", response_model=Health, responses={503: {"model": Health}})
async def health(request: Request) -> Response:
    """Whether a network is loaded and answers at once; needs no token."""
    status = inference_of(request).status()
    if status == "ready":
        return to_response({"status": status})
    response = to_response({"status": status}, HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = "1"
    return response


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Counters and histograms for Prometheus."""
    return Response(generate_latest(metrics_of(request).registry), media_type=CONTENT_TYPE_LATEST)
