"""The API inside another application, at its root and under a path of its own."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from api.addresses import api_routes, base_path
from api.app import create_app
from model.common.settings import Settings
from model.inference.pool import Pool
from tests.api.clients import MakeClient


def pages(base: str, pool: Pool, **settings: object) -> TestClient:
    """A client of an application that answers every address of its own with a web page, as the dashboard does."""

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse("<title>a page</title>")

    api = create_app(Settings(**{"engine": "int8"} | settings), pool)
    return TestClient(Starlette(routes=[*api_routes(api, base), Mount(base, routes=[Route("/{rest:path}", page)])]))


@pytest.mark.parametrize("given", ["vitrine", "/vitrine", "vitrine/", "/vitrine/"])
def test_a_base_path_may_be_written_with_slashes(given: str) -> None:
    assert base_path(given) == "/vitrine"


@pytest.mark.parametrize("given", [None, "", "/"])
def test_without_a_base_path_addresses_begin_at_the_root(given: str | None) -> None:
    assert base_path(given) == ""


@pytest.mark.parametrize("base", ["", "/vitrine", "/lab/vitrine"])
def test_every_route_follows_the_base_path(base: str, pool: Pool, drawn: bytes) -> None:
    client = pages(base, pool)
    assert client.get(f"{base}/api/health").json() == {"status": "ready"}
    assert client.head(f"{base}/api/health").status_code == 200
    assert "vitrine_requests_total" in client.get(f"{base}/metrics").text
    assert client.get(f"{base}/api/models").json()[0]["name"]
    picture = {"Content-Type": "image/png"}
    assert client.post(f"{base}/predict", content=drawn, headers=picture).json()["success"] is True
    many = client.post(f"{base}/api/predict", files=[("images", ("a.png", drawn))]).json()
    assert many[0]["success"] is True
    assert "a page" in client.get(f"{base}/gallery").text


@pytest.mark.parametrize("base", ["", "/vitrine"])
def test_the_description_is_whole_under_a_base_path(base: str, pool: Pool) -> None:
    client = pages(base, pool)
    page = client.get(f"{base}/api/docs").text
    for address in (f"{base}/api/openapi.json", f"{base}/api/docs/files/swagger-ui-bundle.js"):
        assert address in page
        assert client.get(address).status_code == 200
    assert client.get(f"{base}/api/openapi.json").json().get("servers", [{"url": ""}])[0]["url"] == base


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/vitrine", "/api/health"),
        ("/vitrine", "/predict"),
        ("/vitrine", "/metrics"),
        ("/vitrine", "/api"),
        ("/vitrine", "/health"),
        ("/vitrine", "/vitrine/api/nothing"),
        ("/vitrine", "/vitrine/api"),
        ("/vitrine", "/vitrine/healthz"),
        ("/vitrine", "/vitrine/vitrine/api/health"),
        ("", "/api/nothing"),
        ("", "/api"),
        ("", "/health"),
        ("", "/gallery/api/health"),
    ],
)
def test_no_address_that_a_program_asks_is_answered_with_a_page(base: str, path: str, method: str, pool: Pool) -> None:
    answer = pages(base, pool).request(method, path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/json"
    if method != "HEAD":
        assert answer.json()["error"] == f"there is nothing at '{path}'; {base}/api/docs lists what there is"


def test_the_limits_hold_under_a_base_path(pool: Pool, drawn: bytes) -> None:
    client = pages("/vitrine", pool, api_token="sesame", batch_mb=64)
    assert client.get("/vitrine/api/health").status_code == 200  # open, as at the root
    assert client.get("/vitrine/api/models").status_code == 401
    token = {"Authorization": "Bearer sesame"}
    large = [("images", (f"{number}.png", drawn + bytes(15 * 2**20))) for number in range(2)]  # more than one may have
    assert len(client.post("/vitrine/api/predict", files=large, headers=token).json()) == 2


def test_health_is_asked_with_head_as_well(make_client: MakeClient) -> None:
    answer = make_client().head("/api/health")
    assert (answer.status_code, answer.content) == (200, b"")
