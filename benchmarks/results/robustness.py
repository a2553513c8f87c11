"""Rubbish for the decoder and for a server: python -m benchmarks.results.robustness [--pictures N] [--minutes M].

The decoder gets mutated pictures of each format; every one must end in a picture or in a sentence. A server gets many
clients for minutes, a tenth of whose bodies are broken or end in a dropped connection; every whole picture must get the
answer that it got at the beginning, and the memory may not grow.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import time
import warnings
from collections import Counter
from typing import Annotated
from urllib.parse import urlsplit

import numpy as np
import typer
from PIL import Image

from benchmarks.latency import PHOTO
from benchmarks.load import Client, form_request
from benchmarks.machine import describe_machine
from benchmarks.servers import API, Server, started
from model.images.decoder import InvalidImage, read_image

_FORMATS = {"JPEG": {"quality": 85}, "PNG": {}, "WEBP": {}, "GIF": {}, "BMP": {}, "TIFF": {}}
_CLIENTS = 32
_BROKEN = 0.1  # of the requests
_LOOKS_SECONDS = 1.0
_DIFFERENT = 12  # pictures that are asked about


def _mutate(content: bytes, rng: random.Random) -> bytes:
    """Change, repeat, take out or cut off bytes of a picture."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place = rng.randrange(len(changed))
        kind = rng.randrange(5)
        if kind == 0:
            changed[place] = rng.randrange(256)
        elif kind == 1:
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            piece = changed[place : place + rng.randrange(1, 64)]
            changed[place:place] = piece
        elif kind == 3 and len(changed) > 80:
            del changed[place : place + rng.randrange(1, 64)]
        elif len(changed) > 80:
            del changed[max(40, place) :]
    return bytes(changed)


def mutate_pictures(n: int, seed: int = 0) -> None:
    """Print a row for each format; whatever is no picture and no sentence is raised."""
    rng = random.Random(seed)
    photo = Image.open(PHOTO).convert("RGB").resize((96, 72))
    print(f"{'':<6}{'mutated':>9}{'read':>9}{'refused':>9}{'slowest ms':>12}")
    for name, options in _FORMATS.items():
        buffer = io.BytesIO()
        photo.save(buffer, name, **options)
        counts: Counter[str] = Counter()
        slowest = 0.0
        for _ in range(n):
            content = _mutate(buffer.getvalue(), rng)
            start = time.perf_counter()
            try:
                read_image(content, 32)
                counts["read"] += 1
            except InvalidImage:
                counts["refused"] += 1
            slowest = max(slowest, time.perf_counter() - start)
        print(f"{name:<6}{n:>9,}{counts['read']:>9,}{counts['refused']:>9,}{1000 * slowest:>12.0f}", flush=True)


class _Visitor:
    """A client that asks for pictures, and now and then sends rubbish or hangs up."""

    def __init__(self, url: str, pictures: list[bytes], answers: list[str], seed: int) -> None:
        self.url, self.pictures, self.answers = url, pictures, answers
        self.rng = random.Random(seed)
        self.counts: Counter[str] = Counter()

    async def visit(self, end: float) -> None:
        """Ask until the end."""
        while time.monotonic() < end:
            if self.rng.random() < _BROKEN:
                await self._break()
            else:
                await self._ask()

    async def _ask(self) -> None:
        which = self.rng.randrange(len(self.pictures))
        client = Client(self.url, self.pictures[which])
        right = _label(await client.ask()) == self.answers[which]
        client.close()
        self.counts["right" if right else "wrong"] += 1

    async def _break(self) -> None:
        parts = urlsplit(self.url)
        content = form_request(self.url, self.rng.choice(self.pictures))
        head = content.index(b"\r\n\r\n") + 4
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        if self.rng.random() < 0.5:  # hang up in the middle
            writer.write(content[: self.rng.randrange(1, len(content))])
            await writer.drain()
            writer.close()
            self.counts["dropped"] += 1
            return
        body = bytearray(content[head:])
        for _ in range(50):
            body[self.rng.randrange(len(body))] = self.rng.randrange(256)
        writer.write(content[:head] + body)
        status = int((await asyncio.wait_for(reader.readline(), 60)).split()[1])
        writer.close()
        self.counts[f"broken, answered with {status}" if status < 500 else "server errors"] += 1


def _label(body: bytes) -> str:
    return str(json.loads(body)["predictions"][0]["label"])


async def _watch(server: Server, end: float) -> list[float]:
    """Return the server's memory in MB, a look a second."""
    looks = []
    while time.monotonic() < end:
        looks.append(server.memory())
        await asyncio.sleep(_LOOKS_SECONDS)
    return looks


async def _visit(server: Server, minutes: float) -> None:
    url = f"{server.url}/predict"
    photo = Image.open(PHOTO).convert("RGB")
    pictures = []
    for index in range(_DIFFERENT):
        buffer = io.BytesIO()
        photo.rotate(30 * index).resize((640, 480)).save(buffer, "JPEG", quality=88)
        pictures.append(buffer.getvalue())
    answers = [_label(await Client(url, picture).ask()) for picture in pictures]
    end = time.monotonic() + 60 * minutes
    visitors = [_Visitor(url, pictures, answers, seed) for seed in range(_CLIENTS)]
    watching = asyncio.create_task(_watch(server, end))
    await asyncio.gather(*(one.visit(end) for one in visitors))
    looks = await watching
    counts = sum((one.counts for one in visitors), Counter[str]())
    after = looks[len(looks) // 4 if minutes < 4 else 60 :]
    print(
        f"{_CLIENTS} clients for {minutes:g} minutes: "
        + ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items()))
    )
    begin, last = np.median(after[:5]), np.median(after[-5:])
    print(f"memory: {begin:.0f} MB after the first minute, {last:.0f} MB at the end ({last / begin - 1:+.1%})")
    if counts["wrong"] or counts["server errors"]:
        raise RuntimeError("the server gave wrong answers, or errors of its own")


def main(
    pictures: Annotated[int, typer.Option(help="Mutated pictures of each format.", min=1)] = 20_000,
    minutes: Annotated[float, typer.Option(help="How long the server is visited.", min=0.1)] = 30.0,
) -> None:
    """Print what came of it; a fault is raised."""
    print(describe_machine())
    warnings.simplefilter("ignore")  # Pillow says what is odd about a picture
    mutate_pictures(pictures)
    with started([*API, "--engine", "int8"]) as server:
        asyncio.run(_visit(server, minutes))


if __name__ == "__main__":
    typer.run(main)
