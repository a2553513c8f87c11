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

import psutil
from prometheus_client.parser import text_string_to_metric_families

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
        """Return the resident memory in MB, that of its workers included."""
        process = psutil.Process(self.process.pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 2**20

    def metric(self, name: str) -> dict[str, float]:
        """Return the samples of a metric that Prometheus would read, by the values of their labels."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=60) as response:
            families = list(text_string_to_metric_families(response.read().decode()))
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return {",".join(sample.labels.values()): sample.value for sample in samples}

    def wait_for_workers(self, count: int, seconds: float = 90) -> None:
        """Wait until so many workers answer. Raises RuntimeError with the log if they do not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.metric("vitrine_ready") == {"": count}:
                return
            time.sleep(0.1)
        raise RuntimeError(f"there are no {count} workers:\n{self.log.read_text()}")


def free_port() -> int:
    """Return a free port."""
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
            terminate(process)


def terminate(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and kill it after a while."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    """Wait until an address answers with success.

    Args:
        url: The address.
        process: The server.
        log: Its log.
        seconds: How long to wait.

    Raises:
        RuntimeError: It does not; the message is the log.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:  # not listening yet, or 503: the network is not loaded yet
            time.sleep(0.01)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
