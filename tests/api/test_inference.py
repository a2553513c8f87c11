"""Which network answers a request, and in which threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import inference
from api.inference import Inference
from api.metrics import Metrics
from benchmarks.servers import ROOT
from model.common.cores import cores
from model.common.settings import read_settings
from model.inference.pool import Choice, Pool, choose


@pytest.fixture
def served() -> Iterator[Inference]:
    made = Inference(read_settings(model="fast"), Pool(), Metrics())
    yield made
    for threads in (made.threads, made.few, made.many, made.loaders):
        threads.shutdown()


def test_a_network_is_looked_up_once_a_moment_and_then_again(
    served: Inference, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def count(name: str, *rest: object, **others: object) -> Choice:
        asked.append(name)
        return choose(name)

    monkeypatch.setattr(inference, "choose", count)
    first = served.choose(None, None)
    assert first is served.choose(None, None) and asked == ["fast"]
    assert served.choose("small", None).folder != first.folder  # each name has its own
    time.sleep(0.15)
    assert served.choose(None, None) == first and asked == ["fast", "small", "fast"]


def test_int8_pictures_have_a_few_threads_and_those_of_keras_all(served: Inference) -> None:
    content = (ROOT / "sample_images" / "horse-zaniskari.jpg").read_bytes()

    async def ask(engine: str) -> str:
        return (await served.predict(content, None, engine)).best.label

    with ThreadPoolExecutor(1) as apart:  # a browser of another test may have an event loop in this thread
        for _again in range(2):
            assert apart.submit(asyncio.run, ask("int8")).result() == "horse"
    assert served._threads_for(None, "int8") is served.few
    assert served._threads_for(None, "keras") is served.threads  # not asked yet
    assert served.few._max_workers == min(served.settings.threads, 2 * cores())
