"""Pictures to classes over HTTP, and a network of them; only with a token."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from api import teach
from model.images.decoder import MAX_BYTES
from tests.api.clients import MakeClient
from tests.training.teach.taught import QuickBackbone, shape_file
from training.projects.shelf import list_projects, open_project, projects_folder
from training.teach import teach as teaching

OWNER = {"Authorization": "Bearer secret"}


@pytest.fixture
def owner(make_client: MakeClient) -> TestClient:
    client = make_client(api_token="secret")
    client.headers.update(OWNER)
    return client


def send(client: TestClient, address: str, *files: tuple[str, bytes]) -> list[dict[str, str]]:
    answer = client.post(address, files=[("images", file) for file in files])
    assert answer.status_code == 200, answer.text
    found: list[dict[str, str]] = answer.json()
    return found


def test_pictures_fill_classes(owner: TestClient) -> None:
    outcomes = send(
        owner, "/api/teach/pets/cat", shape_file("circle", 1), ("note.txt", b"hello"), shape_file("circle", 1)
    )
    assert [one["status"] for one in outcomes] == ["added", "refused", "known"]
    assert "it looks like a text file" in outcomes[1]["error"]
    send(owner, "/api/teach/pets/big dog", shape_file("square", 1))
    assert owner.get("/api/teach").json() == [{"name": "pets", "classes": {"cat": 1, "big dog": 1}}]
    assert [picture.name for picture in open_project("pets").pictures("cat")] == ["circle-1.png"]


def test_a_picture_that_is_too_large_keeps_no_other_out(owner: TestClient) -> None:
    outcomes = send(owner, "/api/teach/pets/cat", ("large.png", bytes(MAX_BYTES + 1)), shape_file("circle", 1))
    assert [one["status"] for one in outcomes] == ["refused", "added"]
    assert outcomes[0]["error"] == "This file has more than 20 MB, the most that a picture can have."


def test_a_damaged_or_removed_project_does_not_hide_the_others(
    owner: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for project in ("pets", "torn"):
        send(owner, f"/api/teach/{project}/cat", shape_file("circle", 1))
    for path in (projects_folder() / "torn").iterdir():
        path.write_bytes(b"no database" * 1000)
    listed = list_projects()
    monkeypatch.setattr("training.projects.shelf.list_projects", lambda: [*listed, "removed"])  # a moment ago
    answer = owner.get("/api/teach")
    assert (answer.status_code, answer.json()) == (200, [{"name": "pets", "classes": {"cat": 1}}])
    assert "the project 'torn' cannot be used" in caplog.text


def test_one_picture_can_come_as_bytes(owner: TestClient) -> None:
    content = shape_file("circle", 1)[1]
    assert owner.post("/api/teach/pets/cat", content=content, headers={"content-type": "image/png"}).status_code == 200
    assert owner.get("/api/teach").json()[0]["classes"] == {"cat": 1}


def test_a_network_is_made_of_them(owner: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = QuickBackbone()
    monkeypatch.setattr(teaching, "load_backbone", lambda: quick)
    monkeypatch.setattr("training.teach.backbone.load_backbone", lambda: quick)
    kept = []
    monkeypatch.setattr("training.teach.bundle.keep_model", lambda *given: kept.append(given[3]))
    for shape in ("circle", "square"):
        send(owner, f"/api/teach/shapes/{shape}", *(shape_file(shape, number) for number in range(8)))
    send(owner, "/api/teach/shapes/circle", ("planted.png", shape_file("square", 99)[1]))
    answer = owner.post("/api/teach?project=shapes&careful=0.9").json()
    assert kept == ["shapes"] == [answer["model"]]
    assert answer["classes"] == {"circle": 9, "square": 8} and answer["held_out"] == 17
    assert answer["accuracy"] == answer["right"] / 17 and len(answer["interval"]) == 2
    suspect, *_others = [one for one in answer["findings"] if one["kind"] == "suspect"]
    assert suspect["files"] == ["planted.png"] and suspect["level"] == "warning"


@pytest.mark.parametrize(
    ("method", "address", "status", "sentence"),
    [
        ("post", "/api/teach?project=nobody", 404, "unknown project 'nobody'"),
        ("post", "/api/teach?project=one&careful=0.1", 422, "careful is '0.1'; it should be greater"),
        ("post", "/api/teach?project=../up", 422, "cannot be a name"),
        ("post", "/api/teach", 422, "project"),
        ("post", "/api/teach/-/cat", 422, "cannot be a name"),
    ],
)
def test_what_cannot_be_is_a_sentence(owner: TestClient, method: str, address: str, status: int, sentence: str) -> None:
    answer = owner.request(method, address)
    assert answer.status_code == status and sentence in answer.json()["error"]


def test_too_few_classes_and_bad_names_are_sentences(owner: TestClient) -> None:
    send(owner, "/api/teach/pets/cat", shape_file("circle", 1))
    answer = owner.post("/api/teach?project=pets")
    assert answer.status_code == 422 and "two classes with a picture each" in answer.json()["error"]
    answer = owner.post("/api/teach/pets/.hidden", files={"image": shape_file("circle", 1)})
    assert answer.status_code == 422 and "cannot be a class" in answer.json()["error"]
    send(owner, "/api/teach/best/cat", shape_file("circle", 1))
    answer = owner.post("/api/teach?project=best")
    assert answer.status_code == 422 and "there is a model or a run 'best' already" in answer.json()["error"]


def test_one_project_is_learnt_at_a_time(owner: TestClient) -> None:
    owner.app.state.teaching = True  # type: ignore[attr-defined]
    answer = owner.post("/api/teach?project=pets")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == str(teach.SECONDS)


def test_only_the_owner_teaches(make_client: MakeClient) -> None:
    anybody = make_client()
    stranger = make_client(api_token="secret")
    for method, address in (("get", "/api/teach"), ("post", "/api/teach?project=a"), ("post", "/api/teach/a/cat")):
        answer = anybody.request(method, address)
        assert answer.status_code == 403 and "VITRINE_API_TOKEN" in answer.json()["error"]
        assert stranger.request(method, address).status_code == 401
