"""Signing in and out over HTTP."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.access import sign_in
from dashboard.access.password import SESSIONS, LoginLimiter
from dashboard.access.sign_in import COOKIE, sign_in_routes

RIGHT = {"password": "sesame"}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "LOGIN_LIMITER", LoginLimiter())
    monkeypatch.setenv("VITRINE_PASSWORD", "sesame")


def client(base: str = "", peer: str = "192.168.1.30", url: str = "http://vitrine.lan:8501") -> TestClient:
    return TestClient(Starlette(routes=sign_in_routes(base, ())), base_url=url, client=(peer, 50000))


@pytest.mark.parametrize("base", ["", "/vitrine"])
def test_the_password_is_exchanged_for_a_cookie_that_no_script_and_no_other_site_has(base: str) -> None:
    visitor = client(base)
    answer = visitor.post(f"{base}/owner", json=RIGHT, headers={"Origin": "http://vitrine.lan:8501"})
    assert answer.json() == {"success": True}
    said = answer.headers["Set-Cookie"]
    assert f"Path={base or '/'};" in said and "HttpOnly" in said and "SameSite=strict" in said
    assert "Secure" not in said and "Max-Age" not in said
    assert "sesame" not in said
    token = visitor.cookies[COOKIE]
    assert SESSIONS.is_valid(token)
    assert visitor.delete(f"{base}/owner").status_code == 200
    assert not SESSIONS.is_valid(token)
    assert COOKIE not in visitor.cookies


def test_over_https_the_cookie_stays_there() -> None:
    assert "Secure" in client(url="https://vitrine.lan").post("/owner", json=RIGHT).headers["Set-Cookie"]


def test_a_wrong_password_says_so_and_soon_has_to_wait() -> None:
    visitor = client()
    for _ in range(5):
        answer = visitor.post("/owner", json={"password": "sesam"})
        assert (answer.status_code, answer.json()["error"]) == (401, "this is not the password")
    answer = visitor.post("/owner", json=RIGHT)  # not even looked at
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["error"] == "too many wrong passwords; try again in 1 s"
    assert "Set-Cookie" not in answer.headers
    assert client(peer="192.168.1.31").post("/owner", json=RIGHT).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://vitrine.lan:9000"])
def test_another_sites_page_signs_nobody_in_or_out(origin: str) -> None:
    visitor = client()
    visitor.post("/owner", json=RIGHT)
    token = visitor.cookies[COOKIE]
    for method in ("POST", "DELETE"):
        assert visitor.request(method, "/owner", json=RIGHT, headers={"Origin": origin}).status_code == 403
    assert SESSIONS.is_valid(token)


def test_without_a_password_there_is_no_way_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VITRINE_PASSWORD")
    for given in ("", "sesame"):
        answer = client().post("/owner", json={"password": given})
        assert answer.status_code == 404
        assert "VITRINE_PASSWORD gives it one" in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"password": "sesame"}', "text/plain"),  # what a form of another site could send
        (b"password=sesame", "application/x-www-form-urlencoded"),
        (b"{", "application/json"),
        (b"[" * 4000, "application/json"),
        (b'["sesame"]', "application/json"),
        (b'{"password": 1}', "application/json"),
        (b'{"password": "' + b"x" * 5000 + b'"}', "application/json"),
        (b"\xff", "application/json"),
        (b"", "application/json"),
    ],
)
def test_a_body_that_is_no_password_is_a_sentence(content: bytes, kind: str) -> None:
    answer = client().post("/owner", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 422
    assert "send JSON" in answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_other_methods_are_a_sentence(method: str) -> None:
    answer = client().request(method, "/owner")
    assert answer.status_code == 405
    assert answer.json()["error"] == "/owner takes POST, to sign in, and DELETE, to sign out"
