"""What answers tell the browser to allow."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.headers import HeadersMiddleware
from tests.api.clients import MakeClient

DATA = "default-src 'none'; frame-ancestors 'self'"


@pytest.mark.parametrize("path", ["/api/health", "/api/models", "/metrics", "/api/nothing", "/predict"])
def test_answers_are_data_and_nothing_else(make_client: MakeClient, path: str) -> None:
    for client in (make_client(), make_client(api_token="sesame")):  # refused by the token as well
        headers = client.get(path).headers
        assert headers["Content-Security-Policy"] == DATA
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


def test_the_description_runs_its_own_script_alone(make_client: MakeClient) -> None:
    said = make_client().get("/api/docs").headers["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-inline';" in said
    assert "object-src 'none'" in said and "frame-ancestors 'self'" in said
    assert "://" not in said


def test_each_piece_goes_out_as_it_comes_and_headers_that_stand_stay() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Referrer-Policy", b"no-referrer")]})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
        await send({"type": "http.response.body", "body": b"b"})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    guarded = HeadersMiddleware(app, lambda scope: [(b"referrer-policy", b"same-origin"), (b"x-other", b"1")])
    with ThreadPoolExecutor(1) as apart:  # the browser of other tests has a loop in this thread
        apart.submit(asyncio.run, guarded({"type": "http", "path": "/"}, receive, send)).result()
    assert sent[0]["headers"] == [(b"Referrer-Policy", b"no-referrer"), (b"x-other", b"1")]
    assert [message["body"] for message in sent[1:]] == [b"a", b"b"]
