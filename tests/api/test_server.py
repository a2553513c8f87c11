"""Servers in processes of their own, on real connections: starting, ending, and clients that behave badly."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from api.process import allow_many_connections
from benchmarks.load import form_request
from benchmarks.servers import API, PAGES, ROOT, Server, started
from model.inference import http_client
from model.registry.card import read_card, write_card
from model.registry.resolution import find_bundle
from tests.api.clients import post
from tests.drawn import encode

INT8 = {"VITRINE_ENGINE": "int8"}
IDLE = 1000


def wait_until_refused(server: Server, photo: bytes) -> None:
    """Until a server takes no new connections, a minute at most."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            post(server, photo)
        except OSError as error:
            if "refused" in str(error):
                return
    raise AssertionError("the server still takes connections")


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("arguments", [["--engine", "int8"], ["--model", "even"]], ids=["wished", "by accuracy"])
def test_with_int8_it_imports_neither_streamlit_nor_tensorflow_and_stays_small(
    arguments: list[str], photo: bytes, tmp_path: Path
) -> None:
    """Which engine answers if nothing is wished is up to the figures on the card."""
    shutil.copytree(find_bundle("best"), tmp_path / "bundles" / "even")
    accuracy = {"all": {"n": 10000, "keras": 0.9, "int8": 0.9}}
    write_card(tmp_path / "bundles" / "even", replace(read_card(find_bundle("best")), accuracy=accuracy))
    with started([*API, *arguments], {"VITRINE_HOME": str(tmp_path)}) as server:
        assert post(server, photo) == "horse"
        files = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert "ai_edge_litert" in files
        assert "tensorflow" not in files
        assert "streamlit" not in files
        assert server.memory() < 250


def test_the_command_lines_client_is_answered(api: Server, photo: bytes) -> None:
    prediction = http_client.post_picture(http_client.predict_url(api.url, engine="int8"), photo)
    assert (prediction.best.label, prediction.engine) == ("horse", "int8")
    for broken in (b"", b"--picture\r\n"):
        with pytest.raises(http_client.ServerError, match=r"answers 400: .*"):
            http_client.post_picture(http_client.predict_url(api.url), broken)


def test_what_it_says_at_the_start() -> None:
    with started([*API, "--engine", "int8"], {"VITRINE_API_TOKN": "x"}) as server:
        said = server.log.read_text().splitlines()
    assert sorted(said) == [
        f"{server.url}, described at {server.url}/api/docs",
        "unknown setting VITRINE_API_TOKN; did you mean VITRINE_API_TOKEN?",
    ]


def test_port_0_takes_a_free_one_and_says_which() -> None:
    command = [sys.executable, "-m", "api", "--port", "0", "--engine", "int8"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().partition(",")[0]
        with urllib.request.urlopen(f"{url}/api/models", timeout=60) as response:
            assert response.status == 200
        process.terminate()


def test_a_port_that_is_taken_is_a_sentence(api: Server) -> None:
    command = [sys.executable, "-m", "api", "--host", "127.0.0.1", "--port", str(api.port)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr == f"cannot listen on 127.0.0.1, port {api.port}: Address already in use\n"


@pytest.mark.parametrize("arguments", [API, [*API, "--workers", "2"], PAGES], ids=["api", "two workers", "dashboard"])
def test_sigterm_finishes_what_is_in_flight(arguments: list[str], photo: bytes) -> None:
    request = form_request("http://localhost/predict", photo)
    with started(arguments, INT8, "/api/models") as server, connected(server) as connection, connected(server):
        connection.sendall(request[:-1000])
        with urllib.request.urlopen(f"{server.url}/api/models", timeout=60):  # its answer comes after the part above
            pass
        server.process.send_signal(signal.SIGTERM)
        wait_until_refused(server, photo)
        connection.sendall(request[-1000:])
        answer = read_all(connection)
        assert b" 200 OK" in answer
        assert b'"category": "horse"' in answer
        server.process.wait(30)
        assert "Traceback" not in server.log.read_text()


def test_clients_that_go_away_are_forgotten(api: Server, photo: bytes) -> None:
    request = form_request("http://localhost/predict", photo)
    for sent in (10, len(request) // 2, len(request)):
        for _ in range(20):
            with connected(api) as connection:
                # No wait for the answer, and a reset instead of a goodbye.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.sendall(request[:sent])
    assert post(api, photo) == "horse"
    assert "Traceback" not in api.log.read_text()
    metrics = urllib.request.urlopen(f"{api.url}/metrics", timeout=60).read().decode()
    assert "vitrine_queue 0.0" in metrics


def test_bodies_that_stop_half_way_hold_nobody_up_and_are_ended(photo: bytes) -> None:
    request = form_request("http://localhost/predict", photo)
    with started(API, INT8 | {"VITRINE_BODY_SECONDS": "2"}) as server, ExitStack() as stack:
        halves = [stack.enter_context(connected(server)) for _ in range(100)]
        for half in halves:
            half.sendall(request[: len(request) // 2])
        assert post(server, photo) == "horse"
        for half in halves:
            assert read_all(half).startswith(b"HTTP/1.1 408")


def test_a_thousand_idle_connections_hold_nobody_up(api: Server, photo: bytes) -> None:
    allow_many_connections()
    with ExitStack() as stack:
        for number in range(IDLE):
            connection = stack.enter_context(connected(api))
            if number % 2:
                connection.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\n")  # half a head
        with ThreadPoolExecutor(8) as visitors:
            assert set(visitors.map(lambda _: post(api, photo), range(40))) == {"horse"}


def test_large_pictures_leave_nothing_behind(photo: bytes) -> None:
    large = encode(Image.new("RGB", (5000, 5000)), "PNG")  # 70 kB that become 100 MB
    with started(API, INT8) as server:
        assert post(server, photo) == "horse"
        with ThreadPoolExecutor(12) as visitors:
            assert len(set(visitors.map(lambda _: post(server, large), range(12)))) == 1
        assert server.memory() < 250


def test_whoever_asks_before_sending_a_huge_file_need_not_send_it(api: Server, tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(200 * 2**20)
    form = ["-F", f"image=@{tmp_path}/huge.jpg", "-H", "Expect: 100-continue"]
    command = ["curl", "-sS", *form, "-w", "\n%{http_code} %{size_upload}", f"{api.url}/predict"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
    body, figures = answer.rsplit("\n", 1)
    assert "larger than the 20 MB" in json.loads(body)["error"]
    assert figures == "413 0"


def test_a_refusal_reaches_clients_that_send_everything_first(photo: bytes) -> None:
    picture = photo + bytes(10 * 2**20)
    with started(API, INT8 | {"VITRINE_API_TOKEN": "sesame"}) as server:
        for _ in range(10):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                post(server, picture)


def test_rubbish_instead_of_http_is_refused(api: Server, photo: bytes) -> None:
    for rubbish in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ):
        with connected(api) as connection:
            connection.sendall(rubbish + bytes(100))
            assert read_all(connection).startswith(b"HTTP/1.1 400")
    assert post(api, photo) == "horse"


def test_many_at_once_get_their_own_answers(api: Server) -> None:
    paths = sorted((ROOT / "sample_images").glob("*.jpg"))
    alone = [post(api, path.read_bytes()) for path in paths]
    with ThreadPoolExecutor(16) as visitors:
        together = list(visitors.map(lambda path: post(api, path.read_bytes()), paths * 8))
    assert together == alone * 8
