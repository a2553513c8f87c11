"""A client for the HTTP API of a running server, for `--url` on the command line."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import replace
from functools import cache
from typing import IO, Any, NoReturn

from model.common.errors import VitrineError
from model.common.settings import read_settings
from model.common.text import printable
from model.inference.prediction import ClassScore, Prediction
from model.inference.unknown import KNOWN, UNKNOWN, UNSURE

_TIMEOUT_SECONDS = 60
_MAX_ANSWER_BYTES = 16 * 2**20


class ServerError(VitrineError, ValueError):
    """A server cannot be reached, refuses, or answers in another form; the message is a sentence."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Names another address instead of following it: the token is for this one, and the picture would not be sent."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> NoReturn:
        """Refuse to follow a redirect."""
        fp.close()
        raise ServerError(f"{req.full_url} has moved to {newurl[:500]}; give that address with --url")


@cache
def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_NoRedirects)


def predict_url(server: str, model: str | None = None, engine: str | None = None) -> str:
    """Return the address to post pictures to.

    Args:
        server: The server's address.
        model: The model to choose; None for the server's default.
        engine: The engine to choose; None for the server's default.

    Raises:
        ServerError: It is not the address of a server.
    """
    try:
        parts = urllib.parse.urlsplit(server)
        reachable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        reachable = False
    if not reachable:
        raise _no_address(server)
    path = parts.path.rstrip("/")
    chosen = {"model": model, "engine": engine}
    query = urllib.parse.urlencode({key: value for key, value in chosen.items() if value})
    return parts._replace(
        path=path if path.endswith("/predict") else f"{path}/predict", query=query, fragment=""
    ).geturl()


def _no_address(given: str) -> ServerError:
    return ServerError(f"{given!r} is not the address of a server; one looks like http://localhost:8501")


def post_picture(url: str, content: bytes) -> Prediction:
    """Post a picture and return the server's prediction, with the server's own measurement of time.

    Args:
        url: An address of `predict_url`.
        content: The bytes of the picture file.

    Raises:
        ServerError: There is no valid answer.
    """
    headers = {"Content-Type": "application/octet-stream", "Accept": "application/json"}
    if token := read_settings("api_token").api_token:
        # Headers are sent as Latin-1, and the server compares the token's UTF-8.
        headers["Authorization"] = f"Bearer {token}".encode().decode("latin-1")
    request = urllib.request.Request(url, content, headers)
    try:
        with _opener().open(request, timeout=_TIMEOUT_SECONDS) as response:
            return _parse_answer(response.read(_MAX_ANSWER_BYTES + 1), url)
    except urllib.error.HTTPError as error:
        with error:
            raise ServerError(f"{url} answers {error.code}: {_error_message(error)}") from None
    except UnicodeError:  # a host or a path that cannot be written in a request
        raise _no_address(url) from None
    except (OSError, http.client.HTTPException) as error:
        raise ServerError(f"{url} cannot be reached: {getattr(error, 'reason', None) or error}") from None


def _error_message(error: urllib.error.HTTPError) -> str:
    """Return what the server says is wrong, on one printable line."""
    try:
        content = json.loads(error.read(_MAX_ANSWER_BYTES))
        said = next(content[key] for key in ("error", "detail", "message") if isinstance(content.get(key), str))
    except (OSError, http.client.HTTPException, ValueError, AttributeError, StopIteration, RecursionError):
        said = error.reason
    return printable(str(said), " ")[:500]


def _parse_answer(content: bytes, url: str) -> Prediction:
    """Return the prediction in a server's JSON.

    Raises:
        ServerError: It has another form.
    """
    try:
        if len(content) > _MAX_ANSWER_BYTES:
            raise ValueError("too long")
        answer = json.loads(content)
        scores = tuple(_parse_score(entry) for entry in answer["predictions"])
        if not scores:
            raise ValueError("no classes")
        ordered = tuple(sorted(scores, key=lambda score: -score.probability))
        model, engine, note = (str(answer.get(name, ""))[:500] for name in ("model", "engine", "note"))
        prediction = Prediction(ordered, model, float(answer.get("milliseconds", 0.0)), engine, note)
        return replace(prediction, **_parse_known(answer))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise ServerError(f"{url} does not answer like Vitrine: is another program running there?") from None


def _parse_known(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what the server says about whether the picture shows one of the classes; older servers say nothing."""
    found: dict[str, Any] = {}
    if answer.get("known_score") is not None:
        score, verdict = float(answer["known_score"]), str(answer.get("verdict", ""))
        if not 0 <= score <= 1 or verdict not in (KNOWN, UNSURE, UNKNOWN):
            raise ValueError("no score")
        found |= {"known_score": score, "verdict": verdict}
    if like := answer.get("looks_like"):
        found["looks_like"] = _parse_score({"index": -1, **like})
    if sets := answer.get("prediction_set"):
        scores = {entry["label"]: _parse_score(entry) for entry in answer["predictions"]}
        found["prediction_set"] = tuple(
            scores.get(label, ClassScore(str(label)[:200], -1, 0.0)) for label in sets["labels"]
        )
        found["set_coverage"] = float(sets["coverage"])
    return found


def _parse_score(entry: dict[str, Any]) -> ClassScore:
    probability = float(entry["probability"])
    if not 0 <= probability <= 1.001:
        raise ValueError("no probability")
    return ClassScore(str(entry["label"])[:200], int(entry["index"]), probability)
