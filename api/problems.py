"""Errors as an HTTP status and one sentence of JSON, never a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from model.common.errors import VitrineError

_MAX_SHOWN = 80  # characters of a refused value in a message
CLIENT_CLOSED = 499  # the client has left: nobody reads it, but the metrics count it


class Problem(VitrineError):
    """An error response: `status`, and a sentence for people."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


def busy_problem(sentence: str, seconds: int = 1) -> Problem:
    """Return the Problem of a server without room; the client may try again after so many seconds."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": str(seconds)})


def problem_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response for an error."""
    content = json.dumps({"success": False, "error": sentence}, ensure_ascii=False)
    return Response(content, status, headers, "application/json")


def shorten(value: object) -> str:
    """Return a refused value, shortened for a message."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error.status, error.sentence, error.headers)


def _on_invalid_value(request: Request, error: Exception) -> Response:
    """Respond to a query value that FastAPI refused."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    message = first["msg"].replace("Input should be", "it should be")
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{first['loc'][-1]} is {shorten(first.get('input'))}; {message}"
    )


def _on_http_error(request: Request, error: Exception) -> Response:
    """Respond to an unknown address, or a method that it does not take."""
    assert isinstance(error, HTTPException)
    docs = f"{request.scope.get('root_path', '')}/api/docs"
    sentence = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {shorten(request.url.path)}; {docs} lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.url.path} does not take {shorten(request.method)}",
    }.get(HTTPStatus(error.status_code), str(error.detail))
    return problem_response(error.status_code, sentence, error.headers)


def _on_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED)


def _on_bug(request: Request, error: Exception) -> Response:
    """Respond to any other exception; Starlette raises it again afterwards, so that it is logged."""
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; the server's log says what")


def handle_problems(app: FastAPI) -> None:
    """Respond to every kind of error in JSON."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid_value)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_bug)
