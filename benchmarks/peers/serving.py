"""Put the same network behind several servers under load: python -m benchmarks.peers.serving [NETWORK]."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.latency import photo_640x480
from benchmarks.load import client_of
from benchmarks.machine import describe_machine
from benchmarks.page import make_photos
from benchmarks.peers import programs
from benchmarks.peers.programs import OURS, PEERS, Program
from benchmarks.servers import ROOT, Server
from model.registry.resolution import find_bundle

_CLIENTS = (1, 16, 64)
_SECONDS = 6.0
_TOLERANCE = 0.05  # of a probability: others decode every pixel of a JPEG, Vitrine as many as are needed; int8 rounds
_PICTURES = 20


def _ask(server: Server, program: Program, picture: Path) -> dict[str, float]:
    """Return the probability of each class."""

    async def once() -> bytes:
        client = client_of(program.kind, server.url + program.path, picture.read_bytes())
        return await client.ask()

    content = json.loads(asyncio.run(once()))
    content = content[0] if isinstance(content, list) else content  # of a batch of one
    if program.kind == "gradio":
        return {score["label"]: score["confidence"] for score in content["confidences"]}
    return {score["label"]: score["probability"] for score in content["predictions"]}


def _load(server: Server, program: Program, clients: int, picture: Path) -> tuple[float, list[float]]:
    """Return the requests per second and the milliseconds of each; raise RuntimeError if the clients fail."""
    words = [server.url + program.path, str(clients), str(_SECONDS), str(picture), program.kind]
    command = [sys.executable, "-m", "benchmarks.load", *words]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the clients of {program.title} failed; what they wrote stands above")
    found = json.loads(done.stdout)
    return found["rate"], found["milliseconds"]


def _difference(mine: list[dict[str, float]], others: list[dict[str, float]]) -> float:
    """Return the largest difference of a probability."""
    return max(abs(one[label] - other[label]) for one, other in zip(mine, others, strict=True) for label in one)


def main(network: str = "best") -> None:
    """Print the table, and in how far the answers agree."""
    programs.check()
    bundle = find_bundle(network)
    print(f"{describe_machine()}\n{programs.versions()}\nnetwork {network}, a 640x480 JPEG, {_SECONDS:.0f} s a cell\n")
    heads = "".join(f"{f'{clients} clients: req/s':>20}{'p50 ms':>8}{'p99 ms':>8}" for clients in _CLIENTS)
    print(f"{'':<28}{heads}{'memory MB':>11}{'ready s':>9}")
    rates: dict[str, dict[int, float]] = {}
    answers: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_photos(Path(folder), _PICTURES)
        picture = Path(folder) / "photo.jpg"
        picture.write_bytes(photo_640x480())
        for program in (*PEERS, *OURS):
            with programs.running(program, bundle) as server:
                answers[program.title] = [_ask(server, program, one) for one in pictures]
                cells, rates[program.title] = "", {}
                for clients in _CLIENTS:
                    rate, times = _load(server, program, clients, picture)
                    rates[program.title][clients] = rate
                    cells += f"{rate:>20.1f}{np.median(times):>8.1f}{np.percentile(times, 99):>8.1f}"
                print(f"{program.title:<28}{cells}{programs.memory_of(server):>11.0f}{server.ready:>9.1f}", flush=True)
    print()
    for ours in OURS:
        best = {clients: max(rates[peer.title][clients] for peer in PEERS) for clients in _CLIENTS}
        ratios = ", ".join(f"{rates[ours.title][clients] / best[clients]:.2f} ({clients})" for clients in _CLIENTS)
        print(f"{ours.title}: times the best of the others, by clients: {ratios}")
    _print_agreement(answers)


def _print_agreement(answers: dict[str, list[dict[str, float]]]) -> None:
    """Print how far each server is from the first; raise RuntimeError where that is too far."""
    reference = next(iter(answers))
    found = {title: _difference(rows, answers[reference]) for title, rows in answers.items()}
    print(f"largest difference of a probability to {reference}, {_PICTURES} pictures: ", end="")
    print(", ".join(f"{title} {worst:.3f}" for title, worst in found.items() if title != reference))
    far = [title for title, worst in found.items() if worst > _TOLERANCE and "int8" not in title]
    if far:
        raise RuntimeError(f"{', '.join(far)}: up to {_TOLERANCE} of a probability is expected")


if __name__ == "__main__":
    main(*sys.argv[1:])
