"""The HTTP routes under load, beside a plain Flask server: python -m benchmarks.serving"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Error, Page, sync_playwright

from benchmarks.browser import launch
from benchmarks.latency import photo_640x480
from benchmarks.load import Client
from benchmarks.machine import machine
from benchmarks.page import photos, warm_drops
from benchmarks.servers import API, PAGES, ROOT, Server, started

CLIENTS = 16
STARTS = 5
FLASK = "flask, model.predict"
SERVERS: dict[str, Sequence[str]] = {
    FLASK: ["-m", "benchmarks.flask_server", "PORT"],
    "dashboard with its routes, keras": PAGES,
    "python -m api, keras": API,
    "python -m api, int8": [*API, "--engine", "int8"],
}
TOLERANCE = 0.05  # of a probability: Flask decodes every pixel of a JPEG, we as many as are needed


@dataclass(frozen=True)
class Row:
    """Requests a second and milliseconds of CLIENTS clients, milliseconds of one alone, the server's megabytes then."""

    rate: float
    milliseconds: list[float]
    alone: list[float]
    memory: float

    @property
    def p50(self) -> float:
        return float(np.percentile(self.milliseconds, 50))

    @property
    def p99(self) -> float:
        return float(np.percentile(self.milliseconds, 99))


def start_load(url: str, clients: int, seconds: float, picture: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "benchmarks.load", f"{url}/predict", str(clients), str(seconds), str(picture)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def finish_load(process: subprocess.Popen[str]) -> tuple[float, list[float]]:
    """Requests a second and their milliseconds. Raises RuntimeError if the clients failed."""
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("the clients failed; what they wrote stands above")
    found = json.loads(output)
    return found["rate"], found["milliseconds"]


def ask(url: str, picture: bytes) -> dict[str, float]:
    """The probability of each class."""
    content = json.loads(asyncio.run(Client(f"{url}/predict", picture).ask()))
    return {score["label"]: score["probability"] for score in content["predictions"]}


def largest_difference(ours: Server, theirs: Server, pictures: Sequence[Path]) -> float:
    """Of any probability over the pictures. Raises RuntimeError when that is no agreement."""
    worst = 0.0
    for picture in pictures:
        mine, other = (ask(server.url, picture.read_bytes()) for server in (ours, theirs))
        worst = max(worst, *(abs(mine[label] - other[label]) for label in other))
    if worst > TOLERANCE:
        raise RuntimeError(f"the servers disagree by {worst:.3f} in a probability; up to {TOLERANCE} are expected")
    return worst


def measure(server: Server, picture: Path, seconds: float) -> Row:
    rate, times = finish_load(start_load(server.url, CLIENTS, seconds, picture))
    _, alone = finish_load(start_load(server.url, 1, seconds / 2, picture))
    return Row(rate, times, alone, server.memory())


def drops_under_load(server: Server, page: Page, picture: Path, pictures: list[Path], n: int = 5) -> list[float]:
    """Milliseconds of drops on the page while the clients ask. Raises RuntimeError when they did not ask to the end."""
    process = start_load(server.url, CLIENTS, 600, picture)
    try:
        times = warm_drops(page, server.url, pictures, n)
        if process.poll() is not None:
            raise RuntimeError("the clients ended before the drops did; what they wrote stands above")
        return times
    finally:
        process.kill()
        process.wait()


def print_table(rows: dict[str, Row]) -> None:
    print(f"{'':<34} {CLIENTS:>3} clients: req/s    p50 ms    p99 ms   x Flask   1 client: p50 ms   memory MB")
    for name, row in rows.items():
        ratio, alone = row.rate / rows[FLASK].rate, float(np.median(row.alone))
        figures = f"{row.rate:>18.1f} {row.p50:>9.1f} {row.p99:>9.1f} {ratio:>9.1f} {alone:>18.2f} {row.memory:>11.0f}"
        print(f"{name:<34} {figures}   n {len(row.milliseconds)} and {len(row.alone)}")


def print_page(server: Server, picture: Path, pictures: list[Path]) -> None:
    """The dashboard's drops under load, where there is a browser."""
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except Error:
            print("no browser: drops on the page under load were not measured")
            return
        times = drops_under_load(server, browser.new_page(), picture, pictures)
        browser.close()
    figures = f"n {len(times)}, median {np.median(times):.0f} ms, worst {max(times):.0f} ms"
    print(f"drop to chart drawn while {CLIENTS} clients ask: {figures}")


def print_starts() -> None:
    seconds, memory = [], []
    for _ in range(STARTS):
        with started(SERVERS["python -m api, int8"]) as server:
            seconds.append(server.ready)
            memory.append(server.memory())
    figures = f"n {STARTS}, median {np.median(seconds):.2f} s, worst {max(seconds):.2f} s, {max(memory):.0f} MB"
    print(f"python -m api, int8, start to ready: {figures}")


def main(seconds: float = 8.0) -> None:
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pictures = photos(Path(folder), 20)
        picture = Path(folder) / "photo.jpg"
        picture.write_bytes(photo_640x480())
        print(machine())
        flask = stack.enter_context(started(SERVERS[FLASK]))
        worst = {}
        for name, arguments in SERVERS.items():
            with ExitStack() as own:
                server = flask if name == FLASK else own.enter_context(started(arguments))
                if name != FLASK and "keras" in name:
                    worst[name] = largest_difference(server, flask, pictures)
                rows[name] = measure(server, picture, seconds)
                if arguments is PAGES:
                    print_page(server, picture, list(pictures))
        print_starts()
    print_table(rows)
    print(
        f"largest difference to Flask's answers in a probability, {len(pictures)} pictures: {max(worst.values()):.4f}"
    )


if __name__ == "__main__":
    main()
