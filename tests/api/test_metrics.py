"""What Prometheus reads."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from threading import Timer

import pytest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.metrics import FOLDER_VARIABLE, Metrics
from model.registry.resolution import DEFAULT


def values(client: TestClient) -> dict[tuple[str, str], float]:
    """Every sample by its name and the values of its labels, which are in the order of their names."""
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    samples = [sample for family in families for sample in family.samples]
    return {
        (sample.name, ",".join(value for _, value in sorted(sample.labels.items()))): sample.value for sample in samples
    }


def test_requests_latency_classes_and_queue(client: TestClient, photo: bytes, frog: bytes) -> None:
    client.post("/predict", files={"image": photo})
    client.post("/api/predict", files=[("images", photo), ("images", frog), ("images", b"nothing")])
    client.post("/predict", files={"image": b"no image"})
    client.get("/api/models/fats")
    found = values(client)
    assert found["vitrine_requests_total", "/predict,200"] == 1
    assert found["vitrine_requests_total", "/predict,400"] == 1
    assert found["vitrine_requests_total", "/api/predict,200"] == 1
    assert found["vitrine_requests_total", "/api/models/{name},404"] == 1
    assert found["vitrine_answers_total", f"horse,{DEFAULT}"] == 2
    assert found["vitrine_answers_total", f"frog,{DEFAULT}"] == 1
    assert found["vitrine_queue", ""] == 0
    assert found["vitrine_request_seconds_count", "/predict"] == 2
    assert 0 < found["vitrine_request_seconds_sum", "/predict"] < 60
    assert found["vitrine_request_seconds_bucket", "+Inf,/predict"] == 2


@pytest.mark.parametrize("path", ["/nothing-{}", "/api/nothing-{}", "/predict-{}"])
def test_addresses_that_do_not_exist_make_no_new_names(path: str, client: TestClient) -> None:
    for number in range(20):
        client.get(path.format(number))
    assert values(client)["vitrine_requests_total", "none,404"] == 20


def test_a_file_that_a_worker_is_just_making_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    made = tmp_path / "counter_1.db"
    made.touch()  # as it is for a moment: prometheus_client takes it for a file that is whole
    metrics = Metrics()
    with pytest.raises(struct.error):
        list(MultiProcessCollector(None, str(tmp_path)).collect())
    Timer(0.1, os.truncate, (made, 2**16)).start()
    assert b"python_info" in metrics.text()
