"""A running server asked over HTTP, as the command line does with --url."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import replace
from functools import cache
from typing import IO, Any, NoReturn

from model.common.errors import VitrineError
from model.common.text import printable
from model.inference.prediction import ClassScore, Prediction
from model.inference.unknown import KNOWN, UNKNOWN, UNSURE

SECONDS = 60
MAX_ANSWER = 16 * 2**20


class ServerError(VitrineError, ValueError):
    """A server that cannot be reached, refuses, or answers in another form; the message is a sentence."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Another address is named, not followed: the token is for this one, and the picture would not go along."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> NoReturn:
        fp.close()
        raise ServerError(f"{req.full_url} has moved to {newurl[:500]}; name that with --url")


@cache
def opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(NoRedirects)


def predict_url(server: str, model: str | None = None, engine: str | None = None) -> str:
    """The address to post pictures to: the server's /predict with what was chosen. Raises ServerError."""
    try:
        parts = urllib.parse.urlsplit(server)
        reachable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable:
        raise ServerError(f"{server!r} is no server's address; one looks like http://localhost:8501")
    path = parts.path.rstrip("/")
    chosen = {"model": model, "engine": engine}
    query = urllib.parse.urlencode({key: value for key, value in chosen.items() if value})
    return parts._replace(
        path=path if path.endswith("/predict") else f"{path}/predict", query=query, fragment=""
    ).geturl()


def ask(url: str, content: bytes) -> Prediction:
    """Post one picture; the server's own milliseconds stand in the answer. Raises ServerError."""
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
    if token := os.environ.get("VITRINE_API_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, content, headers)
    try:
        with opener().open(request, timeout=SECONDS) as response:
            return read_answer(response.read(MAX_ANSWER + 1), url)
    except urllib.error.HTTPError as error:
        with error:
            raise ServerError(f"{url} answers {error.code}: {complaint(error)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise ServerError(f"{url} cannot be reached: {getattr(error, 'reason', None) or error}") from None


def complaint(error: urllib.error.HTTPError) -> str:
    """What the server says is wrong, on one printable line."""
    try:
        content = json.loads(error.read(MAX_ANSWER))
        said = next(content[key] for key in ("error", "detail", "message") if isinstance(content.get(key), str))
    except (OSError, http.client.HTTPException, ValueError, AttributeError, StopIteration, RecursionError):
        said = error.reason
    return printable(str(said), " ")[:500]


def read_answer(content: bytes, url: str) -> Prediction:
    """The prediction in a server's JSON. Raises ServerError for anything else."""
    try:
        if len(content) > MAX_ANSWER:
            raise ValueError("too long")
        answer = json.loads(content)
        scores = tuple(read_score(entry) for entry in answer["predictions"])
        if not scores:
            raise ValueError("no classes")
        ordered = tuple(sorted(scores, key=lambda score: -score.probability))
        model, engine, note = (str(answer.get(name, ""))[:500] for name in ("model", "engine", "note"))
        prediction = Prediction(ordered, model, float(answer.get("milliseconds", 0.0)), engine, note)
        return replace(prediction, **read_known(answer))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ServerError(f"{url} does not answer like Vitrine: is another program running there?") from None


def read_known(answer: dict[str, Any]) -> dict[str, Any]:
    """What the server says of whether the picture shows one of the classes; older ones say nothing."""
    found: dict[str, Any] = {}
    if answer.get("known_score") is not None:
        score, verdict = float(answer["known_score"]), str(answer.get("verdict", ""))
        if not 0 <= score <= 1 or verdict not in (KNOWN, UNSURE, UNKNOWN):
            raise ValueError("no score")
        found |= {"known_score": score, "verdict": verdict}
    if like := answer.get("looks_like"):
        found["looks_like"] = read_score({"index": -1, **like})
    return found


def read_score(entry: dict[str, Any]) -> ClassScore:
    probability = float(entry["probability"])
    if not 0 <= probability <= 1.001:
        raise ValueError("no probability")
    return ClassScore(str(entry["label"])[:200], int(entry["index"]), probability)
