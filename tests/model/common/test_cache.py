"""Memory that is bounded in bytes, whatever the number of values."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from model.common.cache import Cache, size_of
from model.explanation.robustness import run_trials

KILO = 1000


def test_the_least_recently_asked_make_room_by_their_bytes() -> None:
    cache: Cache[bytes] = Cache(10 * KILO)
    for name in ("a", "b", "c"):
        cache.get(name, lambda: bytes(3 * KILO))
    assert cache.peek("a") is not None
    cache.get("d", lambda: bytes(5 * KILO))
    assert [name for name in "abcd" if cache.peek(name)] == ["a", "d"]
    assert len(cache) == 2 and cache.total <= 10 * KILO


def test_many_values_of_any_size_never_take_more_than_the_budget() -> None:
    cache: Cache[np.ndarray] = Cache(100 * KILO)
    rng = np.random.default_rng(0)
    for number in range(500):
        cache.get(number, lambda: np.zeros(rng.integers(1, 60 * KILO), np.uint8))
        assert cache.total <= 100 * KILO
    assert len(cache) > 1


def test_a_value_larger_than_the_budget_is_handed_out_and_costs_nobody_their_place() -> None:
    cache: Cache[bytes] = Cache(KILO)
    cache.get("small", lambda: b"small")
    made: list[bytes] = []
    for _ in range(2):
        assert len(cache.get("large", lambda: made.append(b"") or bytes(2 * KILO))) == 2 * KILO  # type: ignore[func-returns-value]
    assert len(made) == 2 and cache.peek("small") == b"small" and cache.peek("large") is None


def test_long_keys_count_too() -> None:
    cache: Cache[float] = Cache(10 * KILO)
    for number in range(100):
        cache.put(f"{number}" * KILO, 1.0)
    assert 0 < len(cache) < 10 and cache.total <= 10 * KILO


def test_threads_that_ask_together_wait_for_one() -> None:
    cache: Cache[int] = Cache(KILO)
    together, made = threading.Barrier(8, timeout=60), []

    def make() -> int:
        made.append(1)
        threading.Event().wait(0.1)
        return 7

    def ask(_: int) -> int:
        together.wait()
        return cache.get("key", make)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [7] * 8
    assert len(made) == 1


def test_an_error_is_told_to_all_who_wait_and_not_kept() -> None:
    cache: Cache[int] = Cache(KILO)
    inside, fail = threading.Event(), threading.Event()

    def broken() -> int:
        inside.set()
        fail.wait(60)
        raise OSError("gone")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "key", broken)
        assert inside.wait(60)
        second = pool.submit(cache.get, "key", lambda: 1)
        while not second.running():
            pass
        threading.Event().wait(0.1)
        fail.set()
        for one in (first, second):
            with pytest.raises(OSError, match="gone"):
                one.result()
    assert len(cache) == 0 and cache.get("key", lambda: 5) == 5


def test_if_whoever_computes_is_interrupted_the_next_who_waits_computes() -> None:
    """As a page is whose visitor leaves; that must end nobody else's."""

    class Left(BaseException):
        pass

    cache: Cache[str] = Cache(KILO)
    begun, go, asked = threading.Event(), threading.Event(), list[str]()

    def leave() -> str:
        begun.set()
        assert go.wait(60)
        raise Left

    def compute() -> str:
        asked.append("second")
        return "value"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "key", leave)
        assert begun.wait(60)
        second = pool.submit(cache.get, "key", compute)
        time.sleep(0.2)  # until it waits
        go.set()
        assert isinstance(first.exception(60), Left)
        assert (second.result(60), asked) == ("value", ["second"])


def test_a_value_may_be_replaced_and_counts_once() -> None:
    cache: Cache[bytes] = Cache(10 * KILO)
    for _ in range(20):
        cache.put("key", bytes(4 * KILO))
    assert len(cache) == 1 and cache.total < 5 * KILO


def test_those_that_made_room_are_told_of() -> None:
    told: list[int] = []
    cache: Cache[int] = Cache(KILO, limit=2, on_evict=lambda: told.append(1))
    for number in range(3):
        cache.put(number, number)
    assert len(cache) == 2 and told == [1]


def test_the_size_of_what_pages_keep() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    assert size_of(image) == size_of(image[:1, :1]) == image.nbytes  # the part keeps the whole
    found = run_trials(lambda images: np.zeros((len(images), 10), np.float32), image)
    assert len(found) * image.nbytes <= size_of(found) < 1.5 * len(found) * image.nbytes
    assert size_of({"a": b"x" * KILO, "b": ("y" * KILO, [image, image])}) == pytest.approx(
        2 * KILO + image.nbytes, rel=0.1
    )
