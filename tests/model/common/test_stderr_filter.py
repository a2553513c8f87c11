"""TensorFlow's notes are dropped, nobody else's lines are, and nobody waits who need not."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from model.common import stderr_filter
from model.common.keras_import import import_keras
from model.common.stderr_filter import quiet
from model.inference.classifier import LOADERS, Classifier, read_network
from model.inference.shared_batches import Forward
from model.registry.card import Card
from model.registry.resolution import find_bundle
from tests.drawn import save_untrained
from tests.shipped import FAST

NOTE = b"I0000 00:00:1.5 1 port.cc:153] oneDNN custom operations are on.\n"


@pytest.fixture(autouse=True)
def nobody_inside() -> None:
    """Threads of an earlier test may still be on their way out: what is written then comes a moment later."""
    until = time.monotonic() + 10
    while stderr_filter._FILTER.depth and time.monotonic() < until:
        time.sleep(0.02)


def test_notes_are_dropped_and_everything_else_comes_through(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, NOTE + b"disk full\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "disk full\nafter\n"


def test_an_error_keeps_what_was_written_before_it(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(OSError, match="gone"), quiet():
        os.write(2, b"a reason\n")
        raise OSError("gone")
    assert capfd.readouterr().err == "a reason\n"


def test_whoever_asks_for_the_notes_gets_them(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with quiet():
        os.write(2, NOTE)
    assert capfd.readouterr().err.encode() == NOTE


def seen(capfd: pytest.CaptureFixture[str], wanted: str) -> str:
    """What has been written to stderr, as soon as `wanted` is among it, or after five seconds."""
    said, until = "", time.monotonic() + 5
    while wanted not in said and time.monotonic() < until:
        time.sleep(0.02)
        said += capfd.readouterr().err
    return said


@pytest.fixture
def importing(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Thread]:
    """A thread inside Keras's import, as the first to need it; the import ends with the test."""
    inside, over = threading.Event(), threading.Event()

    def slow(name: str) -> object:
        os.write(2, NOTE)
        inside.set()
        assert over.wait(120)
        return SimpleNamespace(distribution=SimpleNamespace(list_devices=lambda: []))

    monkeypatch.setattr("model.common.keras_import.import_module", slow)
    monkeypatch.setattr("model.common.keras_import._imported", threading.Event())
    thread = threading.Thread(target=import_keras)
    thread.start()
    assert inside.wait(60)
    yield thread
    over.set()
    thread.join()


def test_a_line_of_another_thread_comes_through_during_the_import(
    importing: threading.Thread, capfd: pytest.CaptureFixture[str]
) -> None:
    os.write(2, b"disk full\n")
    assert seen(capfd, "disk full\n") == "disk full\n"
    assert importing.is_alive()


def test_an_int8_network_is_loaded_during_the_import(importing: threading.Thread) -> None:
    with ThreadPoolExecutor(1) as pool:
        loaded = pool.submit(Classifier.load, FAST, "int8").result(timeout=60)
    assert loaded.engine == "int8" and importing.is_alive()


def test_whoever_needs_keras_waits_for_the_import(importing: threading.Thread) -> None:
    second = threading.Thread(target=import_keras, daemon=True)
    second.start()
    second.join(0.2)
    assert second.is_alive() and importing.is_alive()


def test_threads_may_leave_in_any_order(capfd: pytest.CaptureFixture[str]) -> None:
    one, two = quiet(), quiet()
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    os.write(2, NOTE + b"first\n")
    two.__exit__(None, None, None)
    os.write(2, NOTE + b"second")
    assert capfd.readouterr().err == "first\n" + NOTE.decode() + "second"


def test_the_beginning_of_a_line_is_kept_until_its_end(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, NOTE[:20])
        time.sleep(0.2)
        os.write(2, NOTE[20:] + b"half a")
        time.sleep(0.2)
        os.write(2, b" line")
    assert capfd.readouterr().err == "half a line"


@pytest.mark.parametrize("engine", ["keras", "int8"])
def test_two_networks_are_loaded_side_by_side(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2, timeout=60)

    def load(path: Path, card: Card) -> Forward:
        together.wait()
        width = len(card.classes) + bool(card.outputs)  # one feature is enough here
        return lambda images: np.full((len(images), width), 0.1, np.float32)

    monkeypatch.setitem(LOADERS, ".keras" if engine == "keras" else ".tflite", load)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(Classifier.load, find_bundle(name), engine) for name in ("fast", "small")]
    assert [one.result().card.name for one in both] == ["fast", "small"]


def test_loading_leaves_the_filters_of_other_threads_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_untrained(tmp_path / "tiny")
    ours = ("ignore", None, BytesWarning, None, 7)

    build = keras.saving.deserialize_keras_object

    def building(*given: Any, **named: Any) -> Any:
        if ours not in warnings.filters:
            warnings.filters.insert(0, ours)  # as another thread may, just then
        return build(*given, **named)

    monkeypatch.setattr("keras.saving.deserialize_keras_object", building)
    assert ours not in warnings.filters
    read_network(tmp_path / "tiny" / "model.keras")
    assert ours in warnings.filters
