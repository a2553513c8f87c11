"""Put the HTTP routes under load, beside a plain Flask server: python -m benchmarks.serving.

With `--workers N`, one worker on one core, one on all and N are compared instead.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from playwright.sync_api import Error, Page, sync_playwright

from benchmarks.browser import launch
from benchmarks.latency import photo_640x480
from benchmarks.load import Client
from benchmarks.machine import describe_machine
from benchmarks.page import make_photos, time_drops
from benchmarks.servers import API, PAGES, ROOT, Server, started
from model.common.cores import available_cores
from model.registry.resolution import find_bundle

_CLIENTS = 16
_STARTS = 5
_BUNDLE = "BENCHMARK_BUNDLE"  # tells the plain server where the network is
_FLASK, _ONE_CORE = "flask, model.predict", "python -m api, int8, on one core"
_SERVERS: dict[str, Sequence[str]] = {
    _FLASK: ["-m", "benchmarks.peers.flask_server", "PORT"],
    "dashboard with its routes, keras": PAGES,
    "python -m api, keras": API,
    "python -m api, int8": [*API, "--engine", "int8"],
}
_SETTINGS = {"VITRINE_ENGINE": "keras"}  # where the words above name no engine
_TOLERANCE = 0.05  # of a probability: Flask decodes every pixel of a JPEG, we as many as are needed


@dataclass(frozen=True)
class _Result:
    """Requests per second and milliseconds of _CLIENTS clients, milliseconds of one, the server's memory in MB."""

    rate: float
    milliseconds: list[float]
    alone: list[float]
    memory: float

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return float(np.percentile(self.milliseconds, 50))

    @property
    def p99(self) -> float:
        """The 99th percentile, in milliseconds."""
        return float(np.percentile(self.milliseconds, 99))


def _start_load(url: str, clients: int, seconds: float, picture: Path) -> subprocess.Popen[str]:
    """Start the clients."""
    words = [sys.executable, "-m", "benchmarks.load", f"{url}/predict", str(clients), str(seconds), str(picture)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _finish_load(process: subprocess.Popen[str]) -> tuple[float, list[float]]:
    """Return requests per second and their milliseconds; raise RuntimeError if the clients failed."""
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("the clients failed; what they wrote stands above")
    found = json.loads(output)
    return found["rate"], found["milliseconds"]


def _predict(url: str, picture: bytes) -> dict[str, float]:
    """Return the probability of each class."""
    content = json.loads(asyncio.run(Client(f"{url}/predict", picture).ask()))
    return {score["label"]: score["probability"] for score in content["predictions"]}


def _largest_difference(ours: Server, theirs: Server, pictures: Sequence[Path]) -> float:
    """Return the largest difference of any probability; raise RuntimeError if it is too large."""
    worst = 0.0
    for picture in pictures:
        mine, other = (_predict(server.url, picture.read_bytes()) for server in (ours, theirs))
        worst = max(worst, *(abs(mine[label] - other[label]) for label in other))
    if worst > _TOLERANCE:
        raise RuntimeError(f"the servers disagree by {worst:.3f} in a probability; up to {_TOLERANCE} are expected")
    return worst


def _measure(server: Server, picture: Path, seconds: float) -> _Result:
    """Measure a server."""
    rate, times = _finish_load(_start_load(server.url, _CLIENTS, seconds, picture))
    _, alone = _finish_load(_start_load(server.url, 1, seconds / 2, picture))
    return _Result(rate, times, alone, server.memory())


def _time_drops_under_load(server: Server, page: Page, picture: Path, pictures: list[Path], n: int = 5) -> list[float]:
    """Return the milliseconds of drops on the page while the clients send requests until the end."""
    process = _start_load(server.url, _CLIENTS, 600, picture)
    try:
        times = time_drops(page, server.url, pictures, n)
        if process.poll() is not None:
            raise RuntimeError("the clients ended before the drops did; what they wrote stands above")
        return times
    finally:
        process.kill()
        process.wait()


def _print_table(rows: dict[str, _Result], base: str, word: str) -> None:
    """Print a row for each server, with its rate as a multiple of the one that is called `word`."""
    print(f"{'':<34} {_CLIENTS:>3} clients: req/s    p50 ms    p99 ms {'x ' + word:>9}   1 client: p50 ms   memory MB")
    for name, row in rows.items():
        ratio, alone = row.rate / rows[base].rate, float(np.median(row.alone))
        figures = f"{row.rate:>18.1f} {row.p50:>9.1f} {row.p99:>9.1f} {ratio:>9.1f} {alone:>18.2f} {row.memory:>11.0f}"
        print(f"{name:<34} {figures}   n {len(row.milliseconds)} and {len(row.alone)}")


def _print_page(server: Server, picture: Path, pictures: list[Path]) -> None:
    """Print the dashboard's drops under load, if there is a browser."""
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except Error:
            print("no browser: drops on the page under load were not measured")
            return
        times = _time_drops_under_load(server, browser.new_page(), picture, pictures)
        browser.close()
    figures = f"n {len(times)}, median {np.median(times):.0f} ms, worst {max(times):.0f} ms"
    print(f"drop to chart drawn while {_CLIENTS} clients ask: {figures}")


def _print_starts() -> None:
    """Print how long each server takes to start."""
    seconds, memory = [], []
    for _ in range(_STARTS):
        with started(_SERVERS["python -m api, int8"]) as server:
            seconds.append(server.ready)
            memory.append(server.memory())
    figures = f"n {_STARTS}, median {np.median(seconds):.2f} s, worst {max(seconds):.2f} s, {max(memory):.0f} MB"
    print(f"python -m api, int8, start to ready: {figures}")


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Let what the block starts use one core only: processes inherit it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _compare_workers(workers: int, seconds: float) -> None:
    """Print what more workers bring with the int8 network."""
    rows: dict[str, _Result] = {}
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "photo.jpg"
        picture.write_bytes(photo_640x480())
        print(describe_machine())
        for count in (0, 1, workers):
            with ExitStack() as own:
                if count == 0:  # the server starts on one core, and the clients may use all
                    with _on_one_core():
                        server = own.enter_context(started(_SERVERS["python -m api, int8"]))
                    name = _ONE_CORE
                else:
                    words = [*_SERVERS["python -m api, int8"], "--workers", str(count)]
                    server = own.enter_context(started(words))
                    name = f"python -m api, int8, --workers {count}"
                server.wait_for_workers(max(1, count))
                rows[name] = _measure(server, picture, seconds)
    _print_table(rows, _ONE_CORE, "one core")
    print(f"goal: {0.9 * min(workers, available_cores()):.1f} x one core; the clients compute on the same cores")


def main(
    seconds: Annotated[float, typer.Option(help="For each measurement.")] = 8.0,
    workers: Annotated[int, typer.Option(help="Compare so many workers with one, and nothing else.")] = 0,
) -> None:
    """Print the tables."""
    if workers:
        _compare_workers(workers, seconds)
    else:
        _compare_servers(seconds)


def _compare_servers(seconds: float) -> None:
    """Print what each server does under load."""
    rows: dict[str, _Result] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pictures = make_photos(Path(folder), 20)
        picture = Path(folder) / "photo.jpg"
        picture.write_bytes(photo_640x480())
        print(describe_machine())
        flask = stack.enter_context(started(_SERVERS[_FLASK], {_BUNDLE: str(find_bundle("default"))}))
        worst = {}
        for name, arguments in _SERVERS.items():
            with ExitStack() as own:
                server = flask if name == _FLASK else own.enter_context(started(arguments, _SETTINGS))
                if name != _FLASK and "keras" in name:
                    worst[name] = _largest_difference(server, flask, pictures)
                rows[name] = _measure(server, picture, seconds)
                if arguments is PAGES:
                    _print_page(server, picture, list(pictures))
        _print_starts()
    _print_table(rows, _FLASK, "Flask")
    print(
        f"largest difference to Flask's answers in a probability, {len(pictures)} pictures: {max(worst.values()):.4f}"
    )


if __name__ == "__main__":
    typer.run(main)
