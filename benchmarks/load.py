"""Clients on keep-alive connections, in a process of their own: python -m benchmarks.load URL CLIENTS SECONDS PICTURE"""

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


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    """The body of the answer. Raises RuntimeError for any other than 200."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    body = await reader.readexactly(length)
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise RuntimeError(f"the server answered {head[:60]!r} {body[:200]!r}")
    return body


async def client(url: str, request: bytes, start: float, end: float) -> list[float]:
    """Milliseconds of the requests that one client began after `start`; it asks again as soon as it is answered."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    times = []
    while (began := time.monotonic()) < end:
        await ask(reader, writer, request)
        if began >= start:
            times.append((time.monotonic() - began) * 1000)
    writer.close()
    return times


async def load(url: str, clients: int, seconds: float, picture: bytes) -> dict[str, object]:
    """Requests a second that all clients got together, and the milliseconds of each."""
    start = time.monotonic() + WARM_UP
    request = form_request(url, picture)
    lists = await asyncio.gather(*(client(url, request, start, start + seconds) for _ in range(clients)))
    times = [one for times in lists for one in times]
    return {"rate": len(times) / (time.monotonic() - start), "milliseconds": times}


def main(arguments: Sequence[str]) -> None:
    url, clients, seconds, picture = arguments
    print(json.dumps(asyncio.run(load(url, int(clients), float(seconds), Path(picture).read_bytes()))))


if __name__ == "__main__":
    main(sys.argv[1:])
