"""POST /api/predict: many files, an answer or an error for each, in their order."""

from __future__ import annotations

import json
import threading

import pytest
from starlette.testclient import TestClient

from api import routes
from model.inference.pool import Pool
from tests.api.clients import SAMPLES, MakeClient


def test_answers_stand_in_the_order_of_the_files_and_a_bad_one_does_not_stop_the_rest(
    client: TestClient, photo: bytes, frog: bytes
) -> None:
    files = [
        ("images", ("horse.jpg", photo)),
        ("images", ("notes.txt", b"just some words")),
        ("other", ("frog.png", frog)),
        ("images", ("cut.jpg", photo[:900])),
        ("images", ("empty.png", b"")),
        ("images", ("huge.bin", bytes(20 * 2**20 + 1))),
        ("images", ("../sapo 🐸.png", frog)),
    ]
    answer = client.post("/api/predict", files=files)
    assert answer.status_code == 200
    rows = answer.json()
    assert [row["file"] for row in rows] == [name for _, (name, _) in files]
    assert [row["success"] for row in rows] == [True, False, True, False, False, False, True]
    assert [row.get("category") for row in rows] == ["horse", None, "frog", None, None, None, "frog"]
    errors = [row["error"] for row in rows if not row["success"]]
    words = ["looks like a text file", "damaged", "empty", "larger than the 20 MB"]
    assert all(word in error for word, error in zip(words, errors, strict=True))


def test_answers_are_written_beside_the_event_loop(
    client: TestClient, drawn: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 files of 1,000 classes are 8 MB of JSON: other requests do not wait while that is written."""
    threads, really = list[str](), routes.to_record
    monkeypatch.setattr(
        routes,
        "to_record",
        lambda *given, **top: threads.append(threading.current_thread().name) or really(*given, **top),
    )
    files = [("images", ("sapo 🐸.png", drawn)), ("images", ("notes.txt", b"just some words"))]
    answer = client.post("/api/predict", files=files)
    assert [name.partition("_")[0] for name in threads] == ["many", "many"]
    assert answer.content == json.dumps(answer.json(), ensure_ascii=False).encode()


def test_each_answer_is_what_predict_says_of_the_file_alone(client: TestClient) -> None:
    paths = sorted(SAMPLES.glob("*.jpg")) * 2
    rows = client.post("/api/predict?top_k=2", files=[("images", path.read_bytes()) for path in paths]).json()
    for path, row in zip(paths, rows, strict=True):
        alone = client.post("/predict?top_k=2", files={"image": path.read_bytes()}).json()
        assert row["predictions"] == alone["predictions"]


def test_one_picture_in_the_other_forms_is_a_list_of_one(client: TestClient, photo: bytes) -> None:
    (row,) = client.post("/api/predict", content=photo, headers={"Content-Type": "image/jpeg"}).json()
    assert row["category"] == "horse"


def test_more_files_than_are_taken(make_client: MakeClient, drawn: bytes) -> None:
    client = make_client(batch_files=3)
    assert len(client.post("/api/predict", files=[("images", drawn)] * 3).json()) == 3
    answer = client.post("/api/predict", files=[("images", drawn)] * 4)
    assert answer.status_code == 422
    assert answer.json()["error"] == "more than 3 files came in one request"


def test_empty_file_choosers_take_no_place(make_client: MakeClient, drawn: bytes) -> None:
    empty = b'--x\r\nContent-Disposition: form-data; name="images"; filename=""\r\n\r\n\r\n'
    chosen = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n' + drawn + b"\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    client = make_client(batch_files=2)
    rows = client.post("/api/predict", content=(empty + chosen) * 2 + empty + b"--x--\r\n", headers=headers).json()
    assert [row["file"] for row in rows] == ["a.png", "a.png"]


@pytest.mark.parametrize(("query", "status"), [("model=fats", 404), ("engine=int7", 422), ("top_k=0", 422)])
def test_what_is_wrong_with_the_request_is_one_error(query: str, status: int, client: TestClient, drawn: bytes) -> None:
    answer = client.post(f"/api/predict?{query}", files=[("images", drawn)] * 20)
    assert answer.status_code == status
    assert answer.json()["success"] is False


def test_more_files_than_threads(make_client: MakeClient, drawn: bytes, pool: Pool) -> None:
    client = make_client(threads=2, queue=0)
    assert all(row["success"] for row in client.post("/api/predict", files=[("images", drawn)] * 30).json())
