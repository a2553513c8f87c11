"""Pictures of several threads in one pass, each thread with its own answer."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

from model.inference.shared_batches import MAX_BATCH, SharedPass


class Network:
    """Gives each picture its own value back; its first pass waits, so that others gather."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Event()
        self.passes: list[int] = []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.passes.append(len(images))
        self.begun.set()
        assert self.go.wait(60)
        if (images == 255).any():
            raise RuntimeError("too bright")
        return images[:, 0, 0, :1].astype(np.float32)


def picture(value: int) -> np.ndarray:
    return np.full((1, 2, 2, 3), value, np.uint8)


def ask_together(network: Network, values: list[int]) -> list[object]:
    """Each value's answer: the first asks alone, the others while it is being worked on."""
    shared = SharedPass(network)

    def ask(value: int) -> object:
        try:
            return float(shared(picture(value))[0, 0])
        except RuntimeError as error:
            return str(error)

    with ThreadPoolExecutor(len(values)) as threads:
        first = threads.submit(ask, values[0])
        assert network.begun.wait(60)
        others = [threads.submit(ask, value) for value in values[1:]]
        while len(shared.waiting) < len(others):
            threading.Event().wait(0.005)
        network.go.set()
        return [future.result() for future in (first, *others)]


def test_pictures_that_arrive_during_a_pass_share_the_next() -> None:
    network = Network()
    assert ask_together(network, list(range(9))) == list(range(9))
    assert network.passes == [1, 8]


def test_no_pass_takes_more_than_the_limit() -> None:
    network = Network()
    values = list(range(2 * MAX_BATCH + 5))
    assert ask_together(network, values) == values
    assert sum(network.passes) == len(values)
    assert max(network.passes) == MAX_BATCH


def test_who_has_an_answer_does_not_wait_for_the_next_pass() -> None:
    gates = [threading.Event() for _ in range(3)]
    passes: list[int] = []

    def network(images: np.ndarray) -> np.ndarray:
        passes.append(len(images))
        assert gates[len(passes) - 1].wait(60)
        return images[:, 0, 0, :1].astype(np.float32)

    shared = SharedPass(network)
    with ThreadPoolExecutor(12) as threads:

        def ask(count: int) -> list[Future[np.ndarray]]:
            """Let so many pictures wait for the next pass."""
            begun, asked = len(passes), [threads.submit(shared, picture(value)) for value in range(count)]
            while len(shared.waiting) < count and len(passes) == begun:
                threading.Event().wait(0.005)
            return asked

        try:
            ask(1)
            shared_by_six = ask(6)
            gates[0].set()
            while len(passes) < 2:
                threading.Event().wait(0.005)
            last = ask(1)
            gates[1].set()
            for one in shared_by_six:
                one.result(60)
            assert not last[0].done()
        finally:
            for gate in gates:
                gate.set()
    assert passes == [1, 6, 1]


def test_an_error_reaches_all_who_shared_the_pass_and_nobody_later() -> None:
    network = Network()
    assert ask_together(network, [1, 2, 255]) == [1, "too bright", "too bright"]
    assert SharedPass(network)(picture(7))[0, 0] == 7


def test_many_pictures_of_one_thread_are_a_pass_of_their_own() -> None:
    network = Network()
    network.go.set()
    images = np.concatenate([picture(value) for value in range(5)])
    assert SharedPass(network)(images)[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert network.passes == [5]


@pytest.mark.parametrize("threads", [2, 16])
def test_under_load_every_thread_gets_its_own_answer(threads: int) -> None:
    network = Network()
    network.go.set()
    shared = SharedPass(network)
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda value: float(shared(picture(value % 250))[0, 0]), range(2000)))
    assert answers == [value % 250 for value in range(2000)]
