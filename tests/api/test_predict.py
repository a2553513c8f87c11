"""POST /predict: what it takes, what it answers, what it says of everything else."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.bodies import MAX_JSON_PARTS
from api.multipart import MAX_FIELDS
from model.common.settings import Settings
from model.history import prediction_log
from model.images.decoder import MAX_BYTES
from model.inference.classifier import Classifier
from model.inference.pool import Pool
from model.inference.prediction import to_record
from model.registry.card import read_card, write_card
from model.registry.resolution import DEFAULT, find_bundle
from model.signature.outputs import OUTPUTS
from tests.api.clients import MakeClient
from tests.drawn import encode, save_untrained
from tests.hostile import BAD, odd
from tests.shipped import LISTED

CLASSES = read_card(find_bundle("default")).classes
JPEG = {"Content-Type": "image/jpeg"}


def test_answer_is_the_classifiers(client: TestClient, photo: bytes) -> None:
    answer = client.post("/predict", files={"image": photo}).json()
    expected = Classifier.load("default", "int8").classify(photo).prediction
    assert answer["success"] is True
    assert answer["predicted_class"] == str(CLASSES.index("horse"))
    assert answer["category"] == "horse"
    assert answer["confidence"] == answer["predictions"][0]["probability"] == expected.best.probability
    assert [(score["label"], score["index"], score["probability"]) for score in answer["predictions"]] == [
        (score.label, score.index, score.probability) for score in expected.scores
    ]
    assert (answer["index"], answer["model"], answer["engine"]) == (CLASSES.index("horse"), DEFAULT, "int8")
    assert 0 < answer["milliseconds"] < 60_000


def test_the_engine_is_the_requests_or_else_the_one_that_was_measured_to_do(
    make_client: MakeClient, tmp_path: Path, drawn: bytes
) -> None:
    for name, int8 in (("even", 0.9), ("worse", 0.8)):
        shutil.copytree(find_bundle("small"), tmp_path / "bundles" / name)
        row = {"n": 10000, "keras": 0.9, "int8": int8}
        write_card(tmp_path / "bundles" / name, replace(read_card(find_bundle("small")), accuracy={"all": row}))
    client = make_client(pool=Pool(), engine=Settings.engine, model="even")
    for asked, engine in (("", "int8"), ("?engine=keras", "keras"), ("?model=worse", "keras")):
        assert client.post(f"/predict{asked}", files={"image": drawn}).json()["engine"] == engine
    wished = make_client(pool=Pool(), engine="int8")
    assert wished.post("/predict?model=worse", files={"image": drawn}).json()["engine"] == "int8"


def test_an_answer_is_the_record_of_the_command_line(client: TestClient, photo: bytes) -> None:
    prediction = Classifier.load("default", "int8").classify(photo).prediction
    expected = {"success": True} | to_record("horse.jpg", prediction, top_k=3) | {"milliseconds": ANY}
    assert client.post("/predict?top_k=3", files={"image": ("horse.jpg", photo)}).json() == expected
    assert client.post("/api/predict?top_k=3", files=[("images", ("horse.jpg", photo))]).json() == [expected]
    assert client.post("/predict?top_k=3", content=photo, headers=JPEG).json() == expected | {"file": ""}


def test_the_description_has_the_fields_of_an_answer(client: TestClient, photo: bytes) -> None:
    answer = client.post("/predict", files={"image": photo}).json()
    schemas = client.get("/api/openapi.json").json()["components"]["schemas"]
    described = list(schemas["Answer"]["properties"])
    optional = {"looks_like", "prediction_set"} - answer.keys()  # not every network has them
    assert [name for name in described if name not in optional] == [*answer, "note"]
    assert list(schemas["Score"]["properties"]) == list(answer["predictions"][0])


def test_an_answer_notes_what_is_wrong_with_a_file(client: TestClient, photo: bytes) -> None:
    dim = encode(Image.fromarray(np.full((40, 40), 3000, np.uint16)), "PNG")
    assert "a picture of 12 bits" in client.post("/predict", files={"image": dim}).json()["note"]
    assert "note" not in client.post("/predict", files={"image": photo}).json()


@pytest.mark.parametrize("field", ["image", "file", "minhaImagem", "", "any name at all", "画像"])
def test_a_field_of_any_name(field: str, client: TestClient, photo: bytes) -> None:
    answer = client.post("/predict", files={field: ("photo.jpg", photo, "image/jpeg")})
    assert (answer.status_code, answer.json()["category"]) == (200, "horse")


@pytest.mark.parametrize(
    "headers",
    [JPEG, {"Content-Type": "image/png"}, {"Content-Type": "application/octet-stream"}, {"content-type": "IMAGE/*"}],
)
def test_raw_bytes(headers: dict[str, str], client: TestClient, photo: bytes) -> None:
    """What the type says of the format does not count: the content does."""
    assert client.post("/predict", content=photo, headers=headers).json()["category"] == "horse"


@pytest.mark.parametrize(
    "text",
    [
        lambda content: base64.b64encode(content).decode(),
        lambda content: base64.urlsafe_b64encode(content).decode().rstrip("="),
        lambda content: base64.encodebytes(content).decode(),
        lambda content: "data:image/jpeg;base64," + base64.b64encode(content).decode(),
    ],
    ids=["plain", "for addresses", "in lines", "data address"],
)
def test_base64_in_json(text: Any, client: TestClient, photo: bytes) -> None:
    for content in ({"image": text(photo)}, {"minhaImagem": text(photo)}, {"image": text(photo), "note": "a horse"}):
        assert client.post("/predict", json=content).json()["category"] == "horse"


def test_a_file_among_fields_without_one(client: TestClient, photo: bytes) -> None:
    answer = client.post("/predict", data={"name": "a horse", "size": "32"}, files={"photo": photo})
    assert answer.json()["category"] == "horse"


def test_an_image_part_without_a_file_name(client: TestClient, photo: bytes) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"\r\nContent-Type: image/jpeg\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post("/predict", content=head + photo + b"\r\n--x--\r\n", headers=headers).status_code == 200


def test_top_k(client: TestClient, photo: bytes) -> None:
    answers = {k: client.post(f"/predict?top_k={k}", files={"image": photo}).json() for k in (1, 3, 10, 500)}
    assert {k: len(answer["predictions"]) for k, answer in answers.items()} == {1: 1, 3: 3, 10: 10, 500: 10}
    assert answers[3]["predictions"] == answers[10]["predictions"][:3]


def test_model_and_engine_are_chosen(make_client: MakeClient, photo: bytes, tmp_path: Any) -> None:
    save_untrained(tmp_path / "bundles" / "mine")
    client = make_client(pool=Pool())
    answer = client.post("/predict?model=mine&engine=keras", files={"image": photo})
    assert answer.json()["model"] == "mine"
    assert {score["label"] for score in answer.json()["predictions"]} == {"circle", "square", "stripes"}
    # It has no int8 file: the server's own preference gives way, a wish does not.
    assert client.post("/predict?model=mine", files={"image": photo}).json()["model"] == "mine"
    refused = client.post("/predict?model=mine&engine=int8", files={"image": photo})
    assert refused.status_code == 422
    assert "model 'mine' has no engine 'int8'; its engines: keras" in refused.json()["error"]
    assert client.post("/predict?model=default", files={"image": photo}).json()["model"] == DEFAULT


def test_an_unknown_model_is_404_with_the_known_ones(client: TestClient, photo: bytes) -> None:
    for name in ("fats", "../../etc/passwd", "", "x" * 5000, "a\nb"):
        answer = client.post("/predict", params={"model": name}, files={"image": photo})
        assert answer.status_code == 404
        assert f"models: {LISTED}" in answer.json()["error"]
        assert len(answer.json()["error"]) < 400
    assert "did you mean 'fast'?" in client.post("/predict?model=fats", files={"image": photo}).json()["error"]


def test_a_models_path_is_not_a_name(client: TestClient, photo: bytes) -> None:
    answer = client.post("/predict", params={"model": str(find_bundle("fast"))}, files={"image": photo})
    assert answer.status_code == 404


@pytest.mark.parametrize("name", odd())
def test_odd_pictures_get_an_answer(name: str, client: TestClient) -> None:
    assert client.post("/predict", files={"image": (name, odd()[name])}).status_code == 200


@pytest.mark.parametrize(("content", "sentence"), BAD, ids=[sentence[:40] for _, sentence in BAD])
def test_what_is_no_image_is_400_in_a_sentence(content: bytes, sentence: str, client: TestClient) -> None:
    too_large = len(content) > MAX_BYTES
    for answer in (
        client.post("/predict", files={"image": ("cat.jpg", content, "image/jpeg")}),
        client.post("/predict", content=content, headers=JPEG),
        client.post("/predict", json={"image": base64.b64encode(content).decode()}),
    ):
        assert answer.status_code == (413 if too_large else 400)
        assert answer.json()["success"] is False
        assert ("larger than the 20 MB" if too_large else sentence) in answer.json()["error"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "video/mp4", "x" * 500, ""])
def test_another_content_type_is_415(kind: str, client: TestClient, photo: bytes) -> None:
    answer = client.post("/predict", content=photo, headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "multipart/form-data" in answer.json()["error"]


MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
JSON = {"Content-Type": "application/json"}
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'


@pytest.mark.parametrize(
    ("headers", "body", "sentence"),
    [
        (MULTIPART, b"", "cut off"),
        (MULTIPART, b"--x--\r\n", "has no file"),
        (MULTIPART, b"nonsense", "cannot be read"),
        (MULTIPART, PART + b"half of it", "cut off"),
        (MULTIPART, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n', "has no file"),
        (MULTIPART, (PART + b"a\r\n") * 2 + b"--x--\r\n", "more than one file came; /api/predict takes many"),
        (MULTIPART, b"--x\r\nContent-Disposition\r\n\r\n", "cannot be read"),
        ({"Content-Type": "multipart/form-data"}, PART, "names no boundary"),
        ({"Content-Type": "multipart/form-data; boundary=" + "x" * 4000}, PART, "cannot be read"),
        (JSON, b"", "is not JSON"),
        (JSON, b"{", "is not JSON"),
        (JSON, b"\xff\xfe", "is not JSON"),
        (JSON, b"[" * 900, "is not JSON"),
        (JSON, b"[]", "no text in 'image'"),
        (JSON, b'"aGk="', "no text in 'image'"),
        (JSON, b'{"image": 5}', "no text in 'image'"),
        (JSON, b'{"one": "aGk=", "other": "aGk="}', "no text in 'image'"),
        (JSON, b'{"image": "not base64!"}', "is not base64"),
        (JSON, b'{"image": "a"}', "is not base64"),
        (JSON, b'{"image": "' + "é".encode() + b'"}', "is not base64"),
        (JSON, b"[" + b"1," * MAX_JSON_PARTS + b"1]", "more than 1000 parts"),
    ],
)
def test_a_body_that_cannot_be_used_is_422(
    headers: dict[str, str], body: bytes, sentence: str, client: TestClient
) -> None:
    answer = client.post("/predict", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert sentence in answer.json()["error"]


EMPTY = b'--x\r\nContent-Disposition: form-data; name="b"; filename=""\r\n\r\n\r\n'


def test_a_file_beside_empty_file_choosers(client: TestClient, frog: bytes) -> None:
    chosen = PART + frog + b"\r\n"
    for parts in (EMPTY + chosen, chosen + EMPTY, EMPTY * MAX_FIELDS + chosen):
        answer = client.post("/predict", content=parts + b"--x--\r\n", headers=MULTIPART)
        assert answer.status_code == 200, answer.text


def test_a_file_without_a_name_is_one_as_well(client: TestClient, frog: bytes) -> None:
    nameless = EMPTY.removesuffix(b"\r\n") + frog + b"\r\n"
    assert client.post("/predict", content=nameless + b"--x--\r\n", headers=MULTIPART).status_code == 200
    answer = client.post("/predict", content=nameless * 2 + b"--x--\r\n", headers=MULTIPART)
    assert (answer.status_code, "more than one file came" in answer.json()["error"]) == (422, True)


FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n'


@pytest.mark.parametrize("part", [FIELD, EMPTY])
def test_more_fields_than_a_form_needs_are_413(part: bytes, client: TestClient) -> None:
    body = part * (MAX_FIELDS + 1)
    assert client.post("/predict", content=body + b"--x--\r\n", headers=MULTIPART).status_code == 413


@pytest.mark.parametrize("top_k", ["0", "-1", "three", "", "1.5", "x" * 400])
def test_a_top_k_that_is_no_count_is_422(top_k: str, client: TestClient, photo: bytes) -> None:
    answer = client.post("/predict", params={"top_k": top_k}, files={"image": photo})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("top_k is ")
    assert len(answer.json()["error"]) < 300


def test_addresses_and_methods_that_do_not_exist(client: TestClient) -> None:
    for answer, status in ((client.get("/nothing"), 404), (client.get("/predict"), 405)):
        assert answer.status_code == status
        assert answer.json()["success"] is False
    assert "/api/docs" in client.get("/nothing").json()["error"]


def test_numbers_that_are_no_probabilities_are_500_and_not_kept(
    make_client: MakeClient, photo: bytes, monkeypatch: Any
) -> None:
    monkeypatch.setitem(OUTPUTS, "probabilities", lambda rows: np.full_like(rows, np.nan))
    client = make_client(history=True)
    sentence = f"model {DEFAULT!r} returned something other than probabilities for this picture"
    for address in ("/predict", "/api/predict"):
        refused = client.post(address, files={"images": photo})
        assert (refused.status_code, refused.json()) == (500, {"success": False, "error": sentence})
    assert prediction_log.list_answers() == []


def test_an_error_of_ours_is_500_without_a_traceback(make_client: MakeClient, photo: bytes, monkeypatch: Any) -> None:
    def broken(self: object, content: bytes) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(Classifier, "classify", broken)
    answer = make_client(raise_server_exceptions=False).post("/predict", files={"image": photo})
    assert answer.status_code == 500
    assert json.loads(answer.text) == {
        "success": False,
        "error": "something went wrong here; the server's log says what",
    }
