"""`python -m api --workers 2`: two processes that look like one server."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from api.metrics import FOLDER_VARIABLE
from api.sockets import ListenError, listen, listen_beside, reserve
from api.workers import _Workers, warn_of_too_many
from benchmarks.servers import API, Server, started
from model.common import cores
from model.common.settings import Settings
from tests.api.clients import post

TWO = [*API, "--engine", "int8", "--workers", "2"]
ENOUGH = 40  # requests on connections of their own: that one of two workers gets none of them does not happen


@contextmanager
def two_workers(environment: dict[str, str] | None = None) -> Iterator[Server]:
    with started(TWO, environment) as server:
        server.wait_for_workers(2)
        yield server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with two_workers({"VITRINE_HISTORY": "1"}) as server:
        yield server


def workers_of(server: Server) -> dict[int, float]:
    """The workers' processes, and how many requests each took."""
    return {int(pid): count for pid, count in server.metric("vitrine_worker_requests").items()}


def wait_until(happened: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


def metrics_folder(server: Server) -> Path:
    """The folder that the workers share."""
    (folder,) = {psutil.Process(pid).environ()[FOLDER_VARIABLE] for pid in workers_of(server)}
    return Path(folder)


def test_both_answer_and_their_figures_add_up(server: Server, photo: bytes) -> None:
    before = sum(server.metric("vitrine_answers_total").values())
    taken = workers_of(server)
    for _ in range(ENOUGH):
        assert post(server, photo) == "horse"
    assert sum(server.metric("vitrine_answers_total").values()) == before + ENOUGH
    later = workers_of(server)
    assert len(later) == 2
    assert later.keys() == taken.keys()
    assert all(later[pid] > taken[pid] for pid in later)
    # What it says of all requests is what its workers took; the request for it is counted when it has been answered.
    requests = sum(server.metric("vitrine_requests_total").values())
    assert abs(requests - sum(workers_of(server).values())) <= 2
    memory = sum(psutil.Process(pid).memory_info().rss for pid in later)
    assert server.metric("process_resident_memory_bytes")[""] == pytest.approx(memory, rel=0.1)


def test_all_answers_are_kept_in_one_history(server: Server, photo: bytes) -> None:
    before = len(history(server))
    for _ in range(ENOUGH):
        post(server, photo)
    assert len(history(server)) == before + ENOUGH


def history(server: Server) -> list[str]:
    with sqlite3.connect(server.home / "vitrine.sqlite") as connection:
        return [row[0] for row in connection.execute("select id from answers")]


def test_each_has_its_share_of_the_cores(server: Server) -> None:
    share = max(1, cores.available_cores() // 2)
    for pid in workers_of(server):
        assert psutil.Process(pid).environ()["TF_NUM_INTRAOP_THREADS"] == str(share)


def test_a_worker_that_is_killed_is_replaced(photo: bytes) -> None:
    with two_workers() as server:
        for _ in range(ENOUGH):
            post(server, photo)
        counted = sum(server.metric("vitrine_answers_total").values())
        lost, kept = workers_of(server)
        os.kill(lost, signal.SIGKILL)
        wait_until(lambda: f"worker {lost} was ended by signal 9" in server.log.read_text())
        assert post(server, photo) == "horse"  # the other one does meanwhile
        server.wait_for_workers(2)
        assert kept in workers_of(server)
        assert lost not in workers_of(server)
        for _ in range(ENOUGH):
            assert post(server, photo) == "horse"
        assert all(workers_of(server).values())
        assert sum(server.metric("vitrine_answers_total").values()) == counted + 1 + ENOUGH  # what it did still counts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_in_seconds(number: signal.Signals, photo: bytes) -> None:
    with two_workers() as server:
        processes = [psutil.Process(pid) for pid in workers_of(server)]
        folder = metrics_folder(server)
        assert folder.is_dir()
        with socket.create_connection(("127.0.0.1", server.port)):  # one that only waits holds nobody up
            server.process.send_signal(number)
            server.process.wait(15)
        assert not [process for process in processes if process.is_running()]
        assert not folder.exists()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
        assert "Traceback" not in server.log.read_text()


def test_a_signal_that_the_process_was_told_to_ignore_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """As nohup does with SIGHUP; a shell's `&` does it with SIGINT, which has to be heard all the same."""
    heard = {signal.SIGHUP: signal.SIG_IGN, signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_DFL}
    monkeypatch.setattr(signal, "getsignal", heard.__getitem__)
    monkeypatch.setattr(signal, "signal", lambda number, handler: heard.update({number: handler}))
    with reserve(listen("127.0.0.1", 0)) as reserved:
        workers = _Workers(Settings(), reserved, "")
        with workers.signals():
            assert heard == {
                signal.SIGHUP: signal.SIG_IGN,
                signal.SIGINT: workers._on_signal,
                signal.SIGTERM: workers._on_signal,
            }


def test_workers_end_with_the_first_process_when_that_is_killed() -> None:
    with two_workers() as server:
        processes, folder = [psutil.Process(pid) for pid in workers_of(server)], metrics_folder(server)
        server.process.kill()
        psutil.wait_procs(processes, timeout=20)
        assert not [process for process in processes if process.is_running()]
        assert not folder.exists()


def test_a_port_that_workers_have_is_taken_for_others() -> None:
    with reserve(listen("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1, port {port}: Address already in use"):
            listen("127.0.0.1", port)
        with listen_beside(reserved) as one, listen_beside(reserved) as other:
            assert one.getsockname() == other.getsockname() == reserved.getsockname()
            with pytest.raises(ListenError):
                listen("127.0.0.1", port)


def test_more_workers_than_cores_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.workers.available_cores", lambda: 4)
    assert warn_of_too_many(4) == ""
    assert warn_of_too_many(6) == "6 workers on 4 cores take more memory than 4, and answer no faster"


def test_a_port_with_connections_that_are_still_closing_can_be_reserved() -> None:
    listener = listen("127.0.0.1", 0)
    address = listener.getsockname()
    with socket.create_connection(address) as client:
        server, _ = listener.accept()
        server.close()  # first: so it is this side whose connection lingers
        assert client.recv(1) == b""
    with reserve(listener) as reserved, listen_beside(reserved) as again:
        assert again.getsockname() == address
