"""The HTTP routes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.bodies import check_size, read_pictures
from api.inference import Inference
from api.metrics import Metrics
from api.multipart import File
from api.schemas import (
    Answer,
    Failure,
    FileFailure,
    Health,
    Model,
    card_answer,
    model_answer,
    to_list_response,
    to_response,
)
from model.common.errors import BundleError
from model.inference.prediction import Prediction, to_record
from model.registry.card import read_card
from model.registry.resolution import bundle_folders

_log = logging.getLogger(__name__)
ModelName = Annotated[str | None, Query(description="a name of `/api/models`; by default the server's default model")]
EngineName = Annotated[
    str | None,
    Query(description="`keras` or `int8`; by default the server's: int8 where it is as accurate as Keras"),
]
TopK = Annotated[int | None, Query(ge=1, description="how many classes to list; by default all")]


def _describe_body(field: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Describe a body for the documentation: a form with this file field, or one of the other types."""
    described = {"multipart/form-data": {"schema": {"type": "object", "properties": field}}, **others}
    return {"requestBody": {"required": True, "content": described}}


_BYTES = {"type": "string", "format": "binary"}
_ONE_PICTURE = _describe_body(
    {"image": _BYTES},
    **{
        "image/*": {"schema": _BYTES},
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"image": {"type": "string", "format": "byte", "description": "base64"}},
            }
        },
    },
)
_MANY_PICTURES = _describe_body({"images": {"type": "array", "items": _BYTES}})
_REASONS = {
    400: "not an image",
    401: "no token, or a wrong one",
    404: "unknown model",
    408: "the body did not arrive in time",
    413: "too large",
    415: "a content type that is not accepted",
    422: "a body or a value that cannot be used",
    500: "the model cannot be used, or something went wrong here",
    503: "too much at once; try again after Retry-After seconds",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": why} for status, why in _REASONS.items()
}
router = APIRouter()


def _inference_of(request: Request) -> Inference:
    inference: Inference = request.app.state.inference
    return inference


def _metrics_of(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics


def _answer(request: Request, file: File, prediction: Prediction, top_k: int | None) -> dict[str, object]:
    """Return the answer to a file, and count it."""
    _metrics_of(request).answers.labels(prediction.model, prediction.best.label).inc()
    return {"success": True} | to_record(file.name, prediction, top_k=top_k)


@router.post("/predict", response_model=Answer, responses=_ERRORS, openapi_extra=_ONE_PICTURE)
async def predict(request: Request, model: ModelName = None, engine: EngineName = None, top_k: TopK = None) -> Response:
    """Classify one picture: a form with a file in a field of any name, raw bytes, or base64 in JSON."""
    inference = _inference_of(request)
    inference.check_queue()
    (file,) = await read_pictures(request, limit=1)
    with inference.queue_slot():
        check_size(file)
        prediction = await inference.predict(bytes(file.content), model, engine)
        return to_response(_answer(request, file, prediction, top_k))


@router.post("/api/predict", response_model=list[Answer | FileFailure], responses=_ERRORS, openapi_extra=_MANY_PICTURES)
async def predict_many(
    request: Request, model: ModelName = None, engine: EngineName = None, top_k: TopK = None
) -> Response:
    """Classify many pictures: a result for each file, in the order of the form, or why there is none."""
    inference = _inference_of(request)
    inference.check_queue()
    files = await read_pictures(request, inference.settings.batch_files)
    with inference.queue_slot():
        return await inference.predict_many(files, model, engine, lambda found: _answers(request, files, found, top_k))


def _answers(request: Request, files: Sequence[File], found: Sequence[Prediction | str], top_k: int | None) -> Response:
    """Return what was found for many files, in a thread."""
    return to_list_response(
        _answer(request, file, one, top_k)
        if isinstance(one, Prediction)
        else {"success": False} | to_record(file.name, None, one)
        for file, one in zip(files, found, strict=True)
    )


@router.get("/api/models", response_model=list[Model])
async def models(request: Request) -> Response:
    """List the models; `default` is the one that answers if a request names none."""
    inference = _inference_of(request)
    return to_response(await inference.run(None, lambda: _list_models(inference)))


def _list_models(inference: Inference) -> list[dict[str, object]]:
    """List all models that can be read.

    Raises:
        BundleError: The store cannot be read.
    """
    default = inference.default_folder()
    listed = []
    for name, folder in bundle_folders().items():
        try:
            listed.append(model_answer(name, read_card(folder), folder == default))
        except BundleError as error:  # the others can be used all the same
            _log.warning("%s", error)
    return listed


@router.get("/api/models/{name}", responses={404: _ERRORS[404]})
async def model(request: Request, name: str) -> Response:
    """Return a model's card: classes, sizes, accuracy, SHA-256 of its files."""
    inference = _inference_of(request)
    choice = await inference.run(None, lambda: inference.choose(name, None))
    return to_response(card_answer(choice.card))


@router.head("/api/health", include_in_schema=False)
@router.get("/api/health", response_model=Health, responses={503: {"model": Health}})
async def health(request: Request) -> Response:
    """Return whether a network is loaded and answers at once; needs no token."""
    status = _inference_of(request).status()
    if status == "ready":
        return to_response({"status": status})
    response = to_response({"status": status}, HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Retry-After"] = "1"
    return response


@router.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request) -> Response:
    """Return counters and histograms for Prometheus."""
    return Response(_metrics_of(request).text(), media_type=CONTENT_TYPE_LATEST)
