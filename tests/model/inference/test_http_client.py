"""The client for a running server, against servers that answer well and badly."""

from __future__ import annotations

import json

import pytest

from model.inference.http_client import ServerError, post_picture, predict_url
from model.inference.prediction import to_record
from tests.fake_server import GOOD, Stand


def test_a_picture_is_posted_as_it_is_and_the_answer_read(stand: Stand) -> None:
    prediction = post_picture(predict_url(stand.url, "mine", "int8"), b"\x00\xff\r\n--picture")
    assert [(score.label, score.index, score.probability) for score in prediction.scores] == [
        ("dog", 1, 0.75),
        ("cat", 0, 0.25),
    ]
    assert (prediction.model, prediction.engine, prediction.milliseconds) == ("mine", "int8", 2.5)
    ((path, headers, body),) = stand.asked
    assert path == "/predict?model=mine&engine=int8"
    assert headers["Content-Type"] == "application/octet-stream"
    assert body == b"\x00\xff\r\n--picture"


def test_a_server_of_before_that_does_not_name_its_engine_is_understood(stand: Stand) -> None:
    before = {name: GOOD[name] for name in ("success", "predicted_class", "predictions", "model", "milliseconds")}
    stand.answer = json.dumps(before).encode()
    prediction = post_picture(predict_url(stand.url), b"x")
    assert (prediction.best.index, prediction.model, prediction.engine) == (1, "mine", "")


def test_a_note_on_the_file_comes_along(stand: Stand) -> None:
    assert post_picture(predict_url(stand.url), b"x").note == ""
    stand.answer = json.dumps(GOOD | {"note": "This file is cut off."}).encode()
    assert post_picture(predict_url(stand.url), b"x").note == "This file is cut off."


def test_a_verdict_comes_along(stand: Stand) -> None:
    assert post_picture(predict_url(stand.url), b"x").known_score is None
    likeness = {"label": "umbrella", "probability": 0.83}
    known = {"known_score": 0.2, "verdict": "unknown", "looks_like": likeness}
    stand.answer = json.dumps(GOOD | known).encode()
    prediction = post_picture(predict_url(stand.url), b"x")
    assert (prediction.known_score, prediction.verdict) == (0.2, "unknown")
    assert to_record("x", prediction)["looks_like"] == likeness


@pytest.mark.parametrize("known", [{"known_score": 2}, {"known_score": "a"}, {"known_score": 0.5, "verdict": "<b>"}])
def test_a_verdict_that_is_none_is_refused(stand: Stand, known: dict[str, object]) -> None:
    stand.answer = json.dumps(GOOD | {"verdict": "known"} | known).encode()
    with pytest.raises(ServerError, match="does not answer like Vitrine"):
        post_picture(predict_url(stand.url), b"x")


def test_the_token_goes_along(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    post_picture(predict_url(stand.url), b"x")
    monkeypatch.setenv("VITRINE_API_TOKEN", "secret")
    post_picture(predict_url(stand.url), b"x")
    assert [headers.get("Authorization") for _, headers, _ in stand.asked] == [None, "Bearer secret"]


@pytest.mark.parametrize("token", ["sésame", "s€same", "秘密"])
def test_a_token_goes_along_as_the_bytes_that_the_server_compares(
    stand: Stand, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_API_TOKEN", f"{token}\n")
    post_picture(predict_url(stand.url), b"x")
    ((_path, headers, _body),) = stand.asked
    assert headers["Authorization"].encode("latin-1") == f"Bearer {token}".encode()


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (200, b"", "does not answer like Vitrine"),
        (200, b"<html>", "does not answer like Vitrine"),
        (200, b"[" * 100_000, "does not answer like Vitrine"),
        (200, b"{}", "does not answer like Vitrine"),
        (200, b'{"predictions": []}', "does not answer like Vitrine"),
        (200, b'{"predictions": [{"label": "cat", "index": 0, "probability": 7}]}', "does not answer like Vitrine"),
        (200, b'{"predictions": [{"label": "cat", "index": 0, "probability": NaN}]}', "does not answer like Vitrine"),
        (400, b'{"error": "This file is not an image."}', "answers 400: This file is not an image."),
        (404, b'{"detail": "unknown model \\u001b[31m"}', "answers 404: unknown model  [31m"),
        (500, b"<html>oops", "answers 500: Internal Server Error"),
        (503, b'["busy"]', "answers 503: Service Unavailable"),
    ],
)
def test_a_bad_answer_is_a_sentence(stand: Stand, status: int, answer: bytes, words: str) -> None:
    stand.status, stand.answer = status, answer
    with pytest.raises(ServerError) as caught:
        post_picture(predict_url(stand.url), b"x")
    assert words in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_not_followed(stand: Stand, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("VITRINE_API_TOKEN", "secret")
    stand.status, stand.moved = status, f"http://localhost:{stand.server_port}/other/predict"
    url = predict_url(stand.url)
    with pytest.raises(ServerError) as caught:
        post_picture(url, b"x")
    assert str(caught.value) == f"{url} has moved to {stand.moved}; give that address with --url"
    assert [path for path, _, _ in stand.asked] == ["/predict"]


@pytest.mark.parametrize(
    ("moved", "words"),
    [("/login\x1b[31m", "has moved to http://127.0.0.1"), ("file:///etc/passwd", "answers 302: "), ("", "302: Found")],
)
def test_a_redirect_to_nowhere_is_a_sentence(stand: Stand, moved: str, words: str) -> None:
    stand.status, stand.moved = 302, moved
    with pytest.raises(ServerError) as caught:
        post_picture(predict_url(stand.url), b"x")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_no_server_is_a_sentence() -> None:
    with pytest.raises(ServerError, match=r"http://127\.0\.0\.1:9/predict cannot be reached: .*refused"):
        post_picture(predict_url("http://127.0.0.1:9"), b"x")


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("http://localhost:8501", "http://localhost:8501/predict"),
        ("http://localhost:8501/", "http://localhost:8501/predict"),
        ("https://example.org/vitrine/predict", "https://example.org/vitrine/predict"),
    ],
)
def test_the_address_may_name_the_route_or_not(server: str, expected: str) -> None:
    assert predict_url(server) == expected


@pytest.mark.parametrize(
    "server", ["localhost:8501", "file:///etc/passwd", "http://", "http://[", "http://h:99999", ""]
)
def test_an_address_that_is_none_is_a_sentence(server: str) -> None:
    with pytest.raises(ServerError, match="is not the address of a server; one looks like http://localhost:8501"):
        predict_url(server)


@pytest.mark.parametrize("server", ["http://localhost..:8501", "http://.localhost:8501", "http://127.0.0.1:9/é"])
def test_an_address_that_cannot_be_sent_is_a_sentence(server: str) -> None:
    with pytest.raises(ServerError, match="is not the address of a server; one looks like http://localhost:8501"):
        post_picture(predict_url(server), b"x")
