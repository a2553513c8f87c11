"""The requests of the five projects that this one grew out of, and what their clients read from the answer."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from benchmarks.servers import Server


def test_a_form_with_image_and_success_with_labels_and_probabilities(client: TestClient, frog: bytes) -> None:
    answer = client.post("/predict", files={"image": frog}).json()
    assert answer["success"]
    lines = [f"{n}. {row['label']}: {row['probability']:.4f}" for n, row in enumerate(answer["predictions"], 1)]
    assert len(lines) == 10
    assert lines[0].startswith("1. frog: 0.")


def test_a_form_with_file_and_the_class_index_as_a_string(client: TestClient, frog: bytes) -> None:
    answer = client.post("/predict", files={"file": ("frog.png", frog, "image/png")}).json()
    assert answer["predicted_class"] == "6"
    names = ["avião", "automóvel", "pássaro", "gato", "cervo", "cachorro", "sapo", "cavalo", "navio", "caminhão"]
    assert names[int(answer["predicted_class"])] == "sapo"


def test_a_form_with_minha_imagem_and_category_with_confidence(client: TestClient, frog: bytes) -> None:
    answer = client.post("/predict", files={"minhaImagem": ("sapo.png", frog, "image/png")}).json()
    assert f"{answer['category']} ({answer['confidence']:.0%})".startswith("frog (")
    assert 0.1 <= answer["confidence"] <= 1


def test_raw_bytes_as_a_browsers_fetch_sends_a_blob(client: TestClient, frog: bytes) -> None:
    answer = client.post("/predict", content=frog, headers={"Content-Type": "image/png"}).json()
    best = max(answer["predictions"], key=lambda row: row["probability"])
    assert (best["label"], best["index"]) == ("frog", 6)


def test_base64_in_json_as_a_canvas_gives_it(client: TestClient, frog: bytes) -> None:
    answer = client.post("/predict", json={"image": "data:image/png;base64," + base64.b64encode(frog).decode()}).json()
    assert answer["category"] == "frog"


@pytest.mark.parametrize("field", ["image", "file", "minhaImage", "minhaImagem"])
def test_curl(field: str, api: Server, frog: bytes, tmp_path: Path) -> None:
    (tmp_path / "frog.jpg").write_bytes(frog)
    command = ["curl", "-sS", "-X", "POST", "-F", f"{field}=@frog.jpg", f"{api.url}/predict"]
    answer = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout)
    assert answer["success"] is True
    assert set(answer) - {"prediction_set"} == {
        "success",
        "file",
        "category",
        "predicted_class",
        "index",
        "confidence",
        "known_score",
        "verdict",
        "looks_like",
        "predictions",
        "model",
        "engine",
        "milliseconds",
    }
