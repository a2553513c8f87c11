from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from model.inference.parallel import map_in_order


@pytest.mark.parametrize("threads", [1, 4])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    def late(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(map_in_order(late, range(100), threads)) == [number * number for number in range(100)]


def test_items_are_taken_only_a_few_ahead_and_worked_on_together() -> None:
    taken = 0
    together = threading.Barrier(3)  # ends only when three threads are in it

    def items() -> Iterator[int]:
        nonlocal taken
        while taken < 1000:
            taken += 1
            yield taken

    def meet(number: int) -> int:
        if number <= 3:
            together.wait(timeout=10)
        return number

    results = map_in_order(meet, items(), 3)
    assert next(results) == 1
    assert taken <= 12
    assert sum(1 for _ in results) == 999


def test_an_error_comes_in_its_turn_and_nothing_is_begun_after_it() -> None:
    begun: list[int] = []

    def divide(number: int) -> float:
        begun.append(number)
        return 1 / (number - 5)

    results = map_in_order(divide, iter(range(10_000)), 2)
    assert [next(results) for _ in range(5)] == [1 / (number - 5) for number in range(5)]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(begun) < 20
    assert threading.active_count() < 20


def test_the_first_result_does_not_wait_for_slow_items() -> None:
    def slow() -> Iterator[int]:
        yield 1
        time.sleep(0.05)
        yield 2
        raise AssertionError("nobody asked for a third")

    results = map_in_order(lambda number: number, slow(), 2)
    assert next(results) == 1
    results.close()
