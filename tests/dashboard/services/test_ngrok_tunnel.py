"""The public link, by pyngrok's own code, against a stand-in of ngrok's program."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.servers import free_port, started
from dashboard.services import ngrok_agents, ngrok_tunnel
from dashboard.services.ngrok_tunnel import OPEN_API, public_link
from model.common import extras

AGENT = Path(__file__).parents[1] / "ngrok_agent.py"
PAGE = b"the page"


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[str]:
    """A local server to be shared."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-in as the program that is found, with a token in the environment."""
    path = tmp_path / "bin" / "ngrok"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{AGENT}" "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("PYNGROK_NGROK_PATH", str(path))
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NGROK_AUTHTOKEN", "a-token")
    return path


SERVER = """
import sys
from dashboard.services.ngrok_tunnel import public_link

with public_link(sys.argv[1], token=True):
    input()
"""


@pytest.fixture
def another(binary: Path) -> Iterator[Any]:
    """Starts a server's process with a link to an address."""
    servers: list[subprocess.Popen[str]] = []

    def start(address: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
        server = subprocess.Popen([sys.executable, "-c", SERVER, address], text=True, **pipes)
        servers.append(server)
        assert server.stderr is not None and "Public link: " in server.stderr.readline()
        return server

    yield start
    ngrok_agents.end_abandoned()  # before the pipes are read to their end, which they hold open
    for server in servers:
        server.communicate("\n")


@pytest.fixture
def left_behind(another: Any) -> Any:
    """Starts a server with a link to an address and kills it, which leaves its agent behind."""

    def leave(address: str) -> psutil.Process:
        server = another(address)
        (agent,) = agents_of(server.pid)
        server.kill()
        server.wait()
        assert agent.is_running()
        return agent

    return leave


def agents_of(server: int) -> list[psutil.Process]:
    return psutil.Process(server).children()


def wait_for(text: str, capfd: pytest.CaptureFixture[str], seconds: float = 40) -> str:
    """What was said, once `text` is in it."""
    said, deadline = "", time.monotonic() + seconds
    while text not in said and time.monotonic() < deadline:
        said += capfd.readouterr().err
        time.sleep(0.05)
    assert text in said
    return said


def shared_once(server: str, capfd: pytest.CaptureFixture[str], token: bool = True) -> str:
    """What is said while a link is wanted."""
    with public_link(server, token):
        return wait_for("ublic link: ", capfd)


def upstreams() -> set[str]:
    """The local addresses that this machine's agents have tunnels to."""
    found = set()
    for port in range(4040, 4050):
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tunnels", timeout=10) as answer:
            found |= {tunnel["config"]["addr"] for tunnel in json.load(answer)["tunnels"]}
    return found


def test_a_link_leads_to_the_server_and_is_closed_at_the_end(
    page: str, binary: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with public_link(page, token=True):
        said = wait_for("Public link: ", capfd)
        address = said.split("Public link: ")[1].strip()
        with urllib.request.urlopen(address, timeout=10) as response:
            assert response.read() == PAGE
        assert upstreams() == {page}
        assert "Warning" not in said
    assert page not in upstreams()
    assert not list((tmp_path / "home").iterdir())


def test_a_link_names_the_path_that_the_pages_stand_under(
    page: str, binary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with public_link(page, token=True, path="/vitrine"):
        address = wait_for("Public link: ", capfd).split("Public link: ")[1].strip()
        assert address.endswith("/vitrine/")
        assert upstreams() == {page}  # a tunnel leads to no path


def test_a_link_without_an_api_token_warns(page: str, binary: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert f"Warning: {OPEN_API}." in shared_once(page, capfd, token=False)


def test_agents_that_killed_servers_left_make_room_and_others_stay(
    page: str, left_behind: Any, another: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    # Three agents are all that the plan allows: with none of them ended, the link would be refused.
    gone = [left_behind(page), left_behind(f"http://127.0.0.1:{free_port()}")]
    running = another(page)
    with public_link(page, token=True):
        wait_for("Public link: ", capfd)
        assert not any(agent.is_running() for agent in gone)
        assert len(agents_of(running.pid)) == 1


def test_an_agent_of_another_folder_is_left_alone(
    left_behind: Any, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = left_behind(page)
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("VITRINE_HOME", str(tmp_path / "elsewhere"))
        ngrok_agents.end_abandoned()
        assert theirs.is_running()


def test_a_process_that_only_names_an_agents_file_is_not_ended(binary: Path) -> None:
    file = ngrok_agents.agent_config_file(2**22 + 1)  # the largest number that Linux gives is 2**22
    file.parent.mkdir()
    file.touch()
    with subprocess.Popen([sys.executable, "-c", "input()", "--config", file], stdin=subprocess.PIPE) as other:
        ngrok_agents.end_abandoned()
        assert other.poll() is None
        other.kill()
    assert not file.exists()


def test_only_files_of_agents_are_removed(binary: Path) -> None:
    file = ngrok_agents.agent_config_file(1)
    file.parent.mkdir()
    others = [file, file.with_name("ngrok-.yml"), file.with_name("ngrok-mine.yml"), file.with_name("ngrok.yml")]
    for other in others:
        other.touch()
    ngrok_agents.end_abandoned()
    assert all(other.exists() for other in others)  # process 1 lives


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("offline", ngrok_tunnel.WITHOUT_NETWORK),
        ("refused", ngrok_tunnel.REFUSED),
        ("silent", ngrok_tunnel.TIMED_OUT),
    ],
)
def test_an_agent_that_does_not_connect_is_one_sentence(
    mode: str,
    sentence: str,
    page: str,
    binary: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NGROK_STAND_IN", mode)
    monkeypatch.setattr(ngrok_tunnel, "SECONDS", 2)
    said = shared_once(page, capfd)
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_full_plan_is_told_in_ngroks_words(page: str, another: Any, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        another(page)
    assert "ngrok says: authentication failed: Your account is limited to 3 simultaneous" in shared_once(page, capfd)


def test_without_a_token(
    page: str, binary: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NGROK_AUTHTOKEN")
    assert shared_once(page, capfd) == f"No public link: {ngrok_tunnel.WITHOUT_TOKEN}.\n"


def test_without_the_package(
    page: str, binary: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda extra: extra != "share")
    said = "pyngrok is not installed; pip install pyngrok installs it"
    assert shared_once(page, capfd) == f"No public link: {said}.\n"


def test_without_the_program_and_a_network_to_fetch_it(
    page: str, binary: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    binary.unlink()
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert shared_once(page, capfd) == f"No public link: {ngrok_tunnel.WITHOUT_BINARY}.\n"


def test_a_file_that_is_no_program(page: str, binary: Path, capfd: pytest.CaptureFixture[str]) -> None:
    binary.write_bytes(b"not a program")
    assert "No public link: ngrok cannot be run: " in shared_once(page, capfd)


def test_the_dashboard_shares_itself_and_closes_the_tunnel(binary: Path) -> None:
    arguments = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", "PORT"]
    environment = {"VITRINE_SHARE": "1", "VITRINE_API_TOKEN": "secret"}
    with started(arguments[1:], environment, "/_stcore/health") as server:
        deadline = time.monotonic() + 60
        while "Public link: " not in server.log.read_text() and time.monotonic() < deadline:
            time.sleep(0.2)
        address = server.log.read_text().split("Public link: ")[1].split()[0]
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=30) as response:
            assert response.status == 200
        (agent,) = agents_of(server.process.pid)
        os.kill(server.process.pid, signal.SIGTERM)
        server.process.wait(60)
        assert not agent.is_running()
        assert "Traceback" not in server.log.read_text()
