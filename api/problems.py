"""What goes wrong, as an HTTP status and one sentence of JSON; never a traceback."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from model.common.errors import VitrineError

LONGEST = 80  # characters of a refused value that are shown
GONE = 499  # the client left: nobody reads it, but the metrics count it apart


class Problem(VitrineError):
    """An answer other than success: `status` and a sentence for people."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


def busy(sentence: str, seconds: int = 1) -> Problem:
    """The server has no room now; ask again after so many seconds."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": str(seconds)})


def problem_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    content = json.dumps({"success": False, "error": sentence}, ensure_ascii=False)
    return Response(content, status, headers, "application/json")


def short(value: object) -> str:
    """A refused value as a sentence shows it."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error.status, error.sentence, error.headers)


def on_wrong_value(request: Request, error: Exception) -> Response:
    """A query value that FastAPI refused."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    message = first["msg"].replace("Input should be", "it should be")
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY, f"{first['loc'][-1]} is {short(first.get('input'))}; {message}"
    )


def on_http_error(request: Request, error: Exception) -> Response:
    """No such address, or a method that it does not take."""
    assert isinstance(error, HTTPException)
    docs = f"{request.scope.get('root_path', '')}/api/docs"
    sentence = {
        HTTPStatus.NOT_FOUND: f"there is nothing at {short(request.url.path)}; {docs} lists what there is",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.url.path} does not take {short(request.method)}",
    }.get(HTTPStatus(error.status_code), str(error.detail))
    return problem_response(error.status_code, sentence, error.headers)


def on_gone(request: Request, error: Exception) -> Response:
    return Response(status_code=GONE)


def on_bug(request: Request, error: Exception) -> Response:
    """Anything else is ours; Starlette raises it again after this answer, so that the log gets it."""
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; the server's log says what")


def handle_problems(app: FastAPI) -> None:
    """Answer every kind of error in JSON."""
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_wrong_value)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(ClientDisconnect, on_gone)
    app.add_exception_handler(Exception, on_bug)
