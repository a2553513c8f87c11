"""Servers in processes of their own, for benchmarks, screenshots and tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
ADDRESS = "127.0.0.1"
API = ["-m", "api", "--host", ADDRESS, "--port", "PORT"]
PAGES = ["-m", "streamlit", "run", "dashboard/app.py", "--server.address", ADDRESS, "--server.port", "PORT"]


@dataclass(frozen=True)
class Server:
    """A server that has been started.

    home: its VITRINE_HOME; started: time.monotonic() just before its process was; ready: seconds until it answered.
    """

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    home: Path
    started: float
    ready: float

    def memory(self) -> float:
        """Resident memory in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def serve(environment: Mapping[str, str] | None = None, wait: bool = True) -> AbstractContextManager[Server]:
    """The dashboard as `make run` starts it. wait: until it answers over HTTP; its network may still be loading."""
    return started(PAGES, environment, "/_stcore/health" if wait else None)


@contextmanager
def started(
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    asked: str | None = "/api/health",
    program: str | Path = sys.executable,
    folder: Path = ROOT,
) -> Iterator[Server]:
    """`PROGRAM ARGUMENTS` with PORT in them replaced by a free one, once `asked` is answered with 200; then ended.

    It is started in `folder`. VITRINE_HOME is an empty one unless the environment names it. Raises RuntimeError with
    the log when it ends.
    """
    port = free_port()
    command = [program, *(str(port) if word == "PORT" else word for word in arguments)]
    with tempfile.TemporaryDirectory() as own:
        log = Path(own) / "log.txt"
        variables = os.environ | {"VITRINE_HOME": f"{own}/home"} | dict(environment or {})
        begin = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://{ADDRESS}:{port}"
            if asked:
                wait_until_ready(f"{url}{asked}", process, log)
            yield Server(url, port, process, log, Path(variables["VITRINE_HOME"]), begin, time.monotonic() - begin)
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and make it after a while."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    """Return once the address answers with success. Raises RuntimeError with the log when that does not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:  # not listening yet, or 503: the network is not loaded yet
            time.sleep(0.01)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
