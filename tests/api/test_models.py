"""What there is: models and their cards, health, the documentation page."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from model.inference.pool import Pool
from model.registry.card import CARD_FILE, read_card, write_card
from model.registry.resolution import DEFAULT, find_bundle
from tests.api.clients import MakeClient
from tests.drawn import encode, save_untrained
from tests.shaped import STRIP, card_of, halves, telling_halves


def test_models_are_listed_by_the_names_to_ask_them_by(make_client: MakeClient, tmp_path: Path, drawn: bytes) -> None:
    shutil.copytree(find_bundle("fast"), tmp_path / "bundles" / "copied")
    client = make_client(model="copied")
    listed = {model["name"]: model for model in client.get("/api/models").json()}
    assert [name for name, model in listed.items() if model["default"]] == ["copied"]
    assert listed["fast"]["engines"] == ["keras", "int8"]
    assert listed["fast"]["classes"][6] == "frog"
    assert listed["fast"]["accuracy"] == read_card(find_bundle("fast")).accuracy
    for name in listed:
        assert client.post(f"/predict?model={name}&engine=int8", files={"image": drawn}).status_code == 200
        assert client.get(f"/api/models/{name}").status_code == 200


def test_a_model_added_while_the_server_runs_is_there_at_once(
    make_client: MakeClient, tmp_path: Path, drawn: bytes
) -> None:
    client = make_client(pool=Pool())
    assert client.post("/predict?model=later", files={"image": drawn}).status_code == 404
    save_untrained(tmp_path / "bundles" / "later")
    assert client.post("/predict?model=later", files={"image": drawn}).json()["model"] == "later"
    assert "later" in {model["name"] for model in client.get("/api/models").json()}
    shutil.rmtree(tmp_path / "bundles" / "later")
    assert client.post("/predict?model=later", files={"image": drawn}).status_code == 404


def test_a_damaged_model_does_not_hide_the_others(make_client: MakeClient, tmp_path: Path, drawn: bytes) -> None:
    (tmp_path / "bundles" / "torn").mkdir(parents=True)
    (tmp_path / "bundles" / "torn" / CARD_FILE).write_text("{")
    client = make_client()
    assert "torn" not in {model["name"] for model in client.get("/api/models").json()}
    answer = client.post("/predict?model=torn", files={"image": drawn})
    assert answer.status_code == 500
    assert answer.json()["error"] == "this model cannot be used; the server's log says why"


def test_a_card(client: TestClient) -> None:
    card = client.get(f"/api/models/{DEFAULT}").json()
    written = json.loads((find_bundle(DEFAULT) / CARD_FILE).read_text())
    assert card.items() >= written.items()
    assert card["engines"] == ["keras", "int8"]
    assert client.get("/api/models/default").json() == card
    assert client.get("/api/models/fats").status_code == 404


@pytest.mark.parametrize("name", ["%2e%2e", "..%2f..%2fetc%2fpasswd", "a%00b", "%ff", "fast%0a"])
def test_strange_names_are_404(name: str, client: TestClient) -> None:
    assert client.get(f"/api/models/{name}").status_code == 404


def test_health_waits_for_a_warm_network(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Pool):
        def get(self, *arguments: object, **others: object) -> None:  # type: ignore[override]
            """Never ready."""

    answer = make_client(pool=Slow()).get("/api/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "loading"})
    assert answer.headers["Retry-After"] == "1"
    assert make_client().get("/api/health").json() == {"status": "ready"}


def test_health_says_when_the_default_does_not_load(make_client: MakeClient, tmp_path: Path) -> None:
    save_untrained(tmp_path / "bundles" / "torn")
    (tmp_path / "bundles" / "torn" / "model.keras").write_bytes(b"not a network")
    client = make_client(pool=Pool(), model="torn", engine="keras")
    deadline = time.monotonic() + 100
    while (answer := client.get("/api/health")).json()["status"] == "loading" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (answer.status_code, answer.json()) == (503, {"status": "failed"})


def test_the_documentation_page_works_without_the_internet(client: TestClient) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    own = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(own) >= 2
    for address in own:
        assert address.startswith("/api/docs/files/")
        assert client.get(address).status_code == 200
    assert "http" not in "".join(own)


def test_the_description_names_every_route_and_error(client: TestClient) -> None:
    paths = client.get("/api/openapi.json").json()["paths"]
    assert set(paths) == {
        "/predict",
        "/api/predict",
        "/api/models",
        "/api/models/{name}",
        "/api/teach",
        "/api/teach/{project}/{label}",
        "/api/health",
        "/metrics",
    }
    assert {"400", "404", "413", "415", "422", "503"} <= set(paths["/predict"]["post"]["responses"])
    assert set(paths["/predict"]["post"]["requestBody"]["content"]) == {
        "multipart/form-data",
        "image/*",
        "application/json",
    }


def test_a_grey_network_and_classes_that_do_not_exclude_each_other(make_client: MakeClient, tmp_path: Path) -> None:
    folder = tmp_path / "bundles" / "mine"
    folder.mkdir(parents=True)
    telling_halves(STRIP, activation="sigmoid").save(folder / "model.keras")
    write_card(folder, replace(card_of(STRIP), output="independent probabilities"))
    client = make_client(pool=Pool())
    listed = {model["name"]: model for model in client.get("/api/models").json()}
    assert (listed["mine"]["input_size"], listed["mine"]["input_shape"]) == (16, [16, 40, 1])
    assert [listed[name]["exclusive"] for name in ("mine", "fast")] == [False, True]
    assert listed["fast"]["input_shape"] == [32, 32, 3]
    picture = encode(halves(up=True), "PNG")
    answer = client.post("/predict?model=mine", files={"image": picture}).json()
    assert answer["category"] == "up" and answer["confidence"] > 0.8
