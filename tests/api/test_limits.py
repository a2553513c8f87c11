"""Bodies within limits while they stream in, the token, other origins, a full queue."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.limits import MAX_BODY
from model.common.settings import Settings
from model.inference.classifier import Classifier
from model.inference.pool import Pool
from tests.api.clients import MakeClient

MULTIPART = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
Messages = AsyncIterator[dict[str, Any]]
Pieces = Callable[[], Messages]


async def ask(app: Any, pieces: Messages, path: str = "/predict", **headers: str) -> dict[str, Any]:
    """The answer to a POST whose body comes in pieces: status, headers, and what was taken of the body."""
    taken: list[int] = []
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        message = await anext(pieces, {"type": "http.disconnect"})
        taken.append(len(message.get("body", b"")))
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    given = {"content-type": MULTIPART} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "http_version": "1.1",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    found = dict(sent[0]["headers"])
    return {"status": sent[0]["status"], "headers": found, "body": body.decode(), "taken": sum(taken)}


async def endless(chunk: bytes = bytes(65536)) -> Messages:
    yield {"type": "http.request", "body": PART, "more_body": True}
    while True:
        yield {"type": "http.request", "body": chunk, "more_body": True}


async def stopping() -> Messages:
    yield {"type": "http.request", "body": PART, "more_body": True}
    await asyncio.sleep(3600)


async def dripping() -> Messages:
    yield {"type": "http.request", "body": PART, "more_body": True}
    while True:
        await asyncio.sleep(0.01)
        yield {"type": "http.request", "body": b".", "more_body": True}


async def leaving() -> Messages:
    yield {"type": "http.request", "body": PART + b"half", "more_body": True}


def app_with(pool: Pool, **settings: Any) -> Any:
    return create_app(Settings(**{"engine": "int8"} | settings), pool)


@pytest.mark.parametrize("kind", [MULTIPART, "image/png", "application/json"])
def test_a_body_without_end_is_refused_once_it_is_too_large(kind: str, pool: Pool) -> None:
    answer = asyncio.run(ask(app_with(pool), endless(), content_type=kind))
    assert answer["status"] == 413
    assert "larger than the 20 MB" in answer["body"]
    # As much again is read over, for clients that only then look for an answer, and no more.
    assert MAX_BODY < answer["taken"] < 2 * MAX_BODY + 200_000


def test_many_pictures_have_a_limit_of_their_own(pool: Pool) -> None:
    answer = asyncio.run(ask(app_with(pool, batch_mb=1), endless(), "/api/predict"))
    assert (answer["status"], answer["taken"] < 3 * 2**20) == (413, True)
    assert "larger than the 1 MB" in answer["body"]


def test_a_batch_that_could_never_be_held_is_too_large(pool: Pool) -> None:
    app = app_with(pool, batch_mb=100, body_mb=32)
    for headers in ({}, {"content_length": str(40 * 2**20), "expect": "100-continue"}):
        answer = asyncio.run(ask(app, endless(), "/api/predict", **headers))
        assert answer["status"] == 413
        assert "larger than the 32 MB" in answer["body"]


def test_a_declared_length_is_refused_before_the_body_comes(pool: Pool) -> None:
    patient = asyncio.run(ask(app_with(pool), endless(), content_length=str(10**12), expect="100-continue"))
    assert (patient["status"], patient["taken"]) == (413, 0)
    impatient = asyncio.run(ask(app_with(pool), endless(), content_length=str(10**12)))
    assert impatient["status"] == 413
    assert impatient["headers"][b"connection"] == b"close"


def test_all_bodies_together_have_a_limit_and_give_their_place_back(pool: Pool) -> None:
    app = app_with(pool, body_mb=32)

    async def large(hold: float) -> Messages:
        yield {"type": "http.request", "body": PART + bytes(18 * 2**20), "more_body": True}
        await asyncio.sleep(hold)
        yield {"type": "http.request", "body": b"\r\n--x--\r\n", "more_body": False}

    async def all_at_once() -> list[int]:
        answers = list(await asyncio.gather(*(ask(app, large(0.2)) for _ in range(5))))
        answers.append(await ask(app, large(0)))
        assert {answer["headers"].get(b"retry-after") for answer in answers if answer["status"] == 503} == {b"1"}
        return [answer["status"] for answer in answers]

    *together, later = asyncio.run(all_at_once())
    # Whoever is refused gives its place up at once, so that not everybody is. Bytes of nothing are no image: 400.
    assert sorted(together) == [400, 503, 503, 503, 503]
    assert later == 400


@pytest.mark.parametrize("pieces", [stopping, dripping])
def test_a_body_that_stops_or_never_ends_is_408(pieces: Pieces, pool: Pool) -> None:
    start = time.monotonic()
    answer = asyncio.run(ask(app_with(pool, body_seconds=0.1), pieces()))
    assert answer["status"] == 408
    assert answer["headers"][b"connection"] == b"close"
    assert time.monotonic() - start < 30


def test_a_client_that_goes_away_is_counted_and_leaves_nothing(pool: Pool) -> None:
    app = app_with(pool)
    assert asyncio.run(ask(app, leaving()))["status"] == 499
    assert app.state.inference.inside == 0
    with TestClient(app) as client:
        assert 'vitrine_requests_total{route="/predict",status="499"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("path", ["/predict", "/api/predict", "/api/models", "/api/docs", "/metrics", "/nothing"])
def test_every_route_but_health_asks_for_the_token(path: str, make_client: MakeClient) -> None:
    client = make_client(api_token="sesame")
    for headers in (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer sesam"},
        {"Authorization": "Bearer sesame2"},
        {"Authorization": "Basic sesame"},
        {"Authorization": "sesame"},
        {"Authorization": "Bearer é".encode()},
        {"X-Authorization": "Bearer sesame"},
    ):
        answer = client.post(path, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "Authorization: Bearer TOKEN" in answer.json()["error"]
    assert client.get("/api/health").status_code == 200


def test_the_right_token_opens(make_client: MakeClient, drawn: bytes) -> None:
    client = make_client(api_token="sésame ouvre-toi")
    for kind in ("Bearer", "bearer"):
        headers = {"Authorization": f"{kind} sésame ouvre-toi".encode()}
        assert client.post("/predict", files={"image": drawn}, headers=headers).status_code == 200  # type: ignore[arg-type]


def test_a_body_without_the_token_is_read_over_for_a_while_and_never_kept(pool: Pool) -> None:
    app = app_with(pool, api_token="sesame")
    answer = asyncio.run(ask(app, endless()))
    assert (answer["status"], answer["taken"] < MAX_BODY + 200_000) == (401, True)
    assert answer["headers"][b"connection"] == b"close"
    waiting = asyncio.run(ask(app, endless(), expect="100-continue"))
    assert (waiting["status"], waiting["taken"]) == (401, 0)
    assert asyncio.run(ask(app, stopping()))["status"] == 401


def test_other_origins_are_refused_unless_set(make_client: MakeClient) -> None:
    asks = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    closed, every = make_client(), make_client(cors=("*",))
    one = make_client(cors=("https://page.example", "https://b.example"))
    assert "access-control-allow-origin" not in closed.get("/api/models", headers=asks).headers
    assert closed.options("/predict", headers=asks).status_code == 405
    assert one.options("/predict", headers=asks).headers["access-control-allow-origin"] == "https://page.example"
    assert one.get("/api/models", headers=asks).headers["access-control-allow-origin"] == "https://page.example"
    stranger = asks | {"Origin": "https://evil.example"}
    assert "access-control-allow-origin" not in one.get("/api/models", headers=stranger).headers
    assert every.get("/api/models", headers=stranger).headers["access-control-allow-origin"] == "*"


def test_a_page_of_another_origin_asks_without_the_token_first(make_client: MakeClient) -> None:
    client = make_client(cors=("https://page.example",), api_token="sesame")
    asks = {
        "Origin": "https://page.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    allowed = client.options("/predict", headers=asks)
    assert (allowed.status_code, allowed.headers["access-control-allow-headers"]) == (200, "authorization")
    refused = client.post("/predict", headers={"Origin": "https://page.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://page.example")


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every picture waits for this."""
    go, really = threading.Event(), Classifier.classify

    def waiting(self: Classifier, content: bytes) -> Any:
        assert go.wait(60)
        return really(self, content)

    monkeypatch.setattr(Classifier, "classify", waiting)
    yield go
    go.set()


def test_a_full_queue_is_503_and_the_others_are_answered(
    make_client: MakeClient, held: threading.Event, drawn: bytes
) -> None:
    client = make_client(threads=2, queue=3)

    def post() -> Awaitable[Any] | Any:
        return client.post("/predict", files={"image": drawn})

    with ThreadPoolExecutor(5) as visitors:
        waiting: list[Any] = [visitors.submit(post) for _ in range(5)]
        until(lambda: "vitrine_queue 5.0" in client.get("/metrics").text)
        for answer in (post(), client.post("/api/predict", files=[("images", drawn)])):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert "all 5 places in the queue are taken" in answer.json()["error"]
        # What needs no network is answered all the same.
        for path in ("/api/health", "/api/models", "/api/models/fast", "/api/docs"):
            assert client.get(path).status_code == 200
        held.set()
        assert [visitor.result().status_code for visitor in waiting] == [200] * 5
    assert post().status_code == 200
    assert "vitrine_queue 0.0" in client.get("/metrics").text


def test_a_full_queue_is_told_before_the_body_is_read(pool: Pool, held: threading.Event, drawn: bytes) -> None:
    app = app_with(pool, threads=1, queue=0)

    async def one() -> Messages:
        yield {"type": "http.request", "body": PART + drawn + b"\r\n--x--\r\n", "more_body": False}

    async def both() -> tuple[dict[str, Any], dict[str, Any]]:
        first = asyncio.create_task(ask(app, one()))
        while app.state.inference.inside == 0:
            await asyncio.sleep(0.01)
        second = await ask(app, endless())
        held.set()
        return await first, second

    first, second = asyncio.run(both())
    assert (first["status"], second["status"], second["taken"]) == (200, 503, 0)


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
