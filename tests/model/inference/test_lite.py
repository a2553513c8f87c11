from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from model.common.cores import cores
from model.inference import lite
from model.inference.lite import Interpreters
from model.registry.card import INT8_FILE, read_card
from model.registry.resolution import find_bundle
from tests.drawn import draw_images


@pytest.fixture(scope="module")
def interpreters() -> Interpreters:
    folder = find_bundle("small")
    return Interpreters((folder / INT8_FILE).read_bytes(), read_card(folder))


def test_threads_that_ask_together_get_the_answers_of_one(interpreters: Interpreters) -> None:
    images = draw_images(40, 32)
    alone = interpreters(images)
    with ThreadPoolExecutor(8) as threads:
        rows = list(threads.map(lambda image: interpreters(image[None])[0], images))
    np.testing.assert_array_equal(np.stack(rows), alone)
    assert 1 <= len(interpreters._free) <= cores()


def test_no_more_work_at_once_than_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    working, most, lock = 0, 0, threading.Lock()

    class Slow:
        def __init__(self, *_arguments: object) -> None:
            self.pause = threading.Event()

        def __call__(self, images: np.ndarray) -> np.ndarray:
            nonlocal working, most
            with lock:
                working += 1
                most = max(most, working)
            self.pause.wait(0.01)
            with lock:
                working -= 1
            return images

    monkeypatch.setattr(lite, "_OneAtATime", Slow)
    slow = Interpreters(b"", read_card(find_bundle("small")))
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(slow, [np.zeros(1)] * 64))
    assert most == cores()


def test_an_interpreter_that_failed_serves_again(interpreters: Interpreters) -> None:
    with pytest.raises(ValueError, match="reshape"):
        interpreters(np.zeros((1, 5, 5, 3), np.uint8))
    assert interpreters(draw_images(1, 32)).shape[0] == 1
