"""Clients on keep-alive connections, a process of them: python -m benchmarks.load URL CLIENTS SECONDS PICTURE"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

BOUNDARY = b"vitrine-benchmark"
WARM_UP = 2.0  # seconds whose requests do not count


def form_request(url: str, picture: bytes) -> bytes:
    """A POST of one picture in a form, head and body, as it goes over the wire."""
    parts = urlsplit(url)
    body = (
        b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + picture + b"\r\n--" + BOUNDARY + b"--\r\n"
    )
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """One keep-alive connection; a server that closes it after an answer is connected to again."""

    def __init__(self, url: str, picture: bytes) -> None:
        self.parts, self.request = urlsplit(url), form_request(url, picture)
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> bytes:
        """The body of the answer. Raises RuntimeError for any other than 200, TimeoutError after a minute."""
        async with asyncio.timeout(60):
            if self.streams is None:
                self.streams = await asyncio.open_connection(self.parts.hostname, self.parts.port)
            reader, writer = self.streams
            writer.write(self.request)
            lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
            headers = dict(line.split(b": ", 1) for line in lines[1:] if line)
            body = await reader.readexactly(int(headers[b"content-length"]))
        if b" 200 " not in lines[0]:
            raise RuntimeError(f"the server answered {lines[0]!r} {body[:200]!r}")
        if headers.get(b"connection") == b"close":
            self.close()
        return body

    async def keep_asking(self, start: float, end: float) -> list[float]:
        """Milliseconds of each request begun after `start`; the next one follows each answer at once."""
        times = []
        while (began := time.monotonic()) < end:
            await self.ask()
            if began >= start:
                times.append((time.monotonic() - began) * 1000)
        self.close()
        return times

    def close(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
        self.streams = None


async def load(url: str, clients: int, seconds: float, picture: bytes) -> dict[str, object]:
    """Requests a second that all clients got together, and the milliseconds of each."""
    start = time.monotonic() + WARM_UP
    everyone = [Client(url, picture) for _ in range(clients)]
    lists = await asyncio.gather(*(one.keep_asking(start, start + seconds) for one in everyone))
    times = [one for times in lists for one in times]
    return {"rate": len(times) / (time.monotonic() - start), "milliseconds": times}


def main(arguments: Sequence[str]) -> None:
    url, clients, seconds, picture = arguments
    print(json.dumps(asyncio.run(load(url, int(clients), float(seconds), Path(picture).read_bytes()))))


if __name__ == "__main__":
    main(sys.argv[1:])
