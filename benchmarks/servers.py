"""Servers in processes of their own, for benchmarks and tests."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Running:
    """A server that has been started; `ready`: seconds until it was ready to answer."""

    url: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    home: Path  # its VITRINE_HOME
    ready: float

    def memory(self) -> float:
        """Resident memory in MB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """`python ARGUMENTS` with PORT in them replaced by a free one, once /api/health says that it is ready; then ended.

    VITRINE_HOME is an empty folder unless the environment names one. Raises RuntimeError with the log when it ends.
    """
    port = free_port()
    command = [sys.executable, *(str(port) if word == "PORT" else word for word in arguments)]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        variables = os.environ | {"VITRINE_HOME": f"{folder}/home"} | dict(environment or {})
        begin = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, process, log)
            yield Running(url, port, process, log, Path(variables["VITRINE_HOME"]), time.monotonic() - begin)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api/health", timeout=5):
                return
        except OSError:  # not listening yet, or 503: the network is not loaded yet
            time.sleep(0.01)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
