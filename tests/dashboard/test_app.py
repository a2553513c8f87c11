"""The dashboard's process answers over HTTP, too."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from benchmarks.servers import PAGES, Server, started, wait_until_ready
from model.registry.resolution import DEFAULT
from tests.api.clients import SAMPLES

TOKEN = {"VITRINE_API_TOKEN": "sesame", "VITRINE_ENGINE": "int8"}


def get(url: str, **headers: str) -> str:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(response.read().decode())


def test_the_same_network_answers_on_the_same_port(server: Server) -> None:
    wait_until_ready(f"{server.url}/api/health", server.process, server.log)
    picture = (SAMPLES / "frog-brown.png").read_bytes()
    request = urllib.request.Request(f"{server.url}/predict", picture, {"Content-Type": "image/png"})
    with urllib.request.urlopen(request, timeout=60) as response:
        assert json.load(response)["category"] == "frog"
    assert "<title>Streamlit</title>" in get(server.url)
    assert "swagger" in get(f"{server.url}/api/docs")
    models = json.loads(get(f"{server.url}/api/models"))
    assert [model["name"] for model in models if model["default"]] == [DEFAULT]


def test_routes_are_counted_by_their_own_names(server: Server) -> None:
    for path in ("/api/nothing", "/api/models/nothing"):
        with pytest.raises(urllib.error.HTTPError):
            get(f"{server.url}{path}")
    metrics = get(f"{server.url}/metrics")
    assert 'vitrine_requests_total{route="/api/models/{name}",status="404"}' in metrics
    assert 'vitrine_requests_total{route="none",status="404"}' in metrics


def test_pages_and_routes_stand_under_a_path_together(page: Page) -> None:
    under = [*PAGES, "--server.baseUrlPath", "vitrine"]
    with started(under, {"VITRINE_ENGINE": "int8"}, "/vitrine/_stcore/health") as server:
        assert "swagger" in get(f"{server.url}/vitrine/api/docs")
        for path in ("/api/health", "/predict", "/vitrine/api/nothing"):
            with pytest.raises(urllib.error.HTTPError, match="404") as caught:
                get(f"{server.url}{path}")
            assert json.load(caught.value)["error"].endswith("/vitrine/api/docs lists what there is")
        page.goto(f"{server.url}/vitrine/?sample=frog-brown.png")
        expect(page.get_by_text("right, it is a frog")).to_be_visible()
        for name in ("Models", "Training", "Classify"):
            page.get_by_role("link", name=name).click()
            expect(page).to_have_url(f"{server.url}/vitrine/{'' if name == 'Classify' else name.lower()}")
        page.goto(f"{server.url}/vitrine/training?show=fast")
        page.get_by_role("link", name="Use its network").first.click()
        expect(page).to_have_url(f"{server.url}/vitrine/?model=fast")


def test_the_token_guards_the_routes_and_not_the_page() -> None:
    with started(PAGES, TOKEN, "/_stcore/health") as server:
        assert "<title>Streamlit</title>" in get(server.url)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(f"{server.url}/api/models")
        assert "fast" in get(f"{server.url}/api/models", Authorization="Bearer sesame")


def test_settings_that_cannot_be_used_are_a_sentence() -> None:
    with (
        pytest.raises(RuntimeError, match="VITRINE_THREADS is 'many'") as caught,
        started(PAGES, {"VITRINE_THREADS": "many"}, "/_stcore/health"),
    ):
        pass
    assert "Traceback" not in str(caught.value)
