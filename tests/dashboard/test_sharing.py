"""The public link, by pyngrok's own code, against a stand-in of ngrok's program."""

from __future__ import annotations

import builtins
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
from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers import free_port, started
from dashboard import agents, sharing
from dashboard.sharing import OPEN, public_link

AGENT = Path(__file__).with_name("ngrok_agent.py")
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


@pytest.fixture
def left_behind(binary: Path) -> Iterator[Any]:
    """Starts an agent with a tunnel of a name to an address, as a Vitrine that was killed leaves one."""
    processes: list[subprocess.Popen[str]] = []

    def leave(address: str, name: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen([binary, "start", "--none"], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        api = next(line.split('addr="')[1].split('"')[0] for line in process.stdout if "addr=" in line)
        content = json.dumps({"name": name or agents.tunnel_name(process.pid), "addr": address, "proto": "http"})
        request = urllib.request.Request(f"http://{api}/api/tunnels", content.encode())
        urllib.request.urlopen(request, timeout=10).close()
        return process

    yield leave
    for process in processes:
        process.kill()
        process.communicate()


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


def names() -> set[str]:
    return {tunnel.name for tunnel in agents.tunnels_of_ours()}


def test_a_link_leads_to_the_server_and_is_closed_at_the_end(
    page: str, binary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with public_link(page, token=True):
        said = wait_for("Public link: ", capfd)
        address = said.split("Public link: ")[1].strip()
        with urllib.request.urlopen(address, timeout=10) as response:
            assert response.read() == PAGE
        assert {tunnel.upstream for tunnel in agents.tunnels_of_ours()} == {page}
        assert "Warning" not in said
    assert not names()


def test_a_link_names_the_path_that_the_pages_stand_under(
    page: str, binary: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with public_link(page, token=True, path="/vitrine"):
        address = wait_for("Public link: ", capfd).split("Public link: ")[1].strip()
        assert address.endswith("/vitrine/")
        assert {tunnel.upstream for tunnel in agents.tunnels_of_ours()} == {page}  # a tunnel leads to no path


def test_a_link_without_an_api_token_warns(page: str, binary: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert f"Warning: {OPEN}." in shared_once(page, capfd, token=False)


def test_stale_tunnels_of_ours_make_room_and_others_stay(
    page: str, left_behind: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    # Three agents are all that the plan allows: with none of them ended, the link would be refused.
    gone = left_behind(f"http://127.0.0.1:{free_port()}")
    same = left_behind(page)
    running = left_behind(page.replace("127.0.0.1", "localhost"))
    with public_link(page, token=True):
        wait_for("Public link: ", capfd)
        assert gone.wait(10) == same.wait(10) == -signal.SIGTERM
        assert running.poll() is None
        assert agents.tunnel_name(running.pid) in names()


def test_a_strangers_tunnel_is_left_alone(page: str, left_behind: Any) -> None:
    theirs = left_behind(page, "their-demo")
    assert agents.close_stale(page) == 0
    assert theirs.poll() is None


def test_a_name_cannot_make_us_end_another_process(page: str, left_behind: Any) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        left_behind(page, agents.tunnel_name(other.pid))
        assert agents.close_stale(page) == 1
        time.sleep(0.5)
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("content", [b"", b"null", b'{"tunnels": [1, {"name": 2}, {"name": "vitrine-1"}]}', b"\xff<"])
def test_another_program_on_the_agents_port_is_passed_over(
    content: bytes, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "PORTS", [int(page.rpartition(":")[2])])
    monkeypatch.setattr(sys.modules[__name__], "PAGE", content)
    assert agents.close_stale("http://127.0.0.1:1") == 0


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("offline", sharing.WITHOUT_NETWORK),
        ("refused", sharing.REFUSED),
        ("silent", sharing.SLOW),
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
    monkeypatch.setattr(sharing, "SECONDS", 2)
    said = shared_once(page, capfd)
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_full_plan_is_told_in_ngroks_words(page: str, left_behind: Any, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        left_behind(page, f"their-demo-{number}")
    assert "ngrok says: authentication failed: Your account is limited to 3 simultaneous" in shared_once(page, capfd)


def test_without_a_token(
    page: str, binary: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NGROK_AUTHTOKEN")
    assert shared_once(page, capfd) == f"No public link: {sharing.WITHOUT_TOKEN}.\n"


def test_without_the_package(
    page: str, binary: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    really = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyngrok"):
            raise ImportError(name)
        return really(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert shared_once(page, capfd) == f"No public link: {sharing.WITHOUT_PACKAGE}.\n"


def test_without_the_program_and_a_network_to_fetch_it(
    page: str, binary: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    binary.unlink()
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert shared_once(page, capfd) == f"No public link: {sharing.WITHOUT_BINARY}.\n"


def test_a_file_that_is_no_program(page: str, binary: Path, capfd: pytest.CaptureFixture[str]) -> None:
    binary.write_bytes(b"not a program")
    assert "No public link: ngrok cannot be run: " in shared_once(page, capfd)


def test_the_dashboard_shares_itself_and_closes_the_tunnel(binary: Path) -> None:
    arguments = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", "PORT"]
    environment = {"VITRINE_SHARE": "1", "VITRINE_API_TOKEN": "secret"}
    with started(arguments[1:], environment, "/_stcore/health") as server:
        deadline = time.monotonic() + 60
        while not names() and time.monotonic() < deadline:
            time.sleep(0.2)
        address = server.log.read_text().split("Public link: ")[1].split()[0]
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=30) as response:
            assert response.status == 200
        os.kill(server.process.pid, signal.SIGTERM)
        server.process.wait(60)
        assert not names()
        assert "Traceback" not in server.log.read_text()
