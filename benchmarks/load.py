"""Clients on keep-alive connections, in one process: python -m benchmarks.load URL CLIENTS SECONDS PICTURE [KIND].

KIND is how the server wants a picture: form (a file in a form), json (base64) or gradio (upload, call, events).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx2

_BOUNDARY = b"vitrine-benchmark"
_WARM_UP_SECONDS = 2.0  # seconds whose requests do not count


def form_request(url: str, picture: bytes) -> bytes:
    """Return a POST of one picture in a form, head and body, as it is sent."""
    body = (
        b"--" + _BOUNDARY + b'\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + picture + b"\r\n--" + _BOUNDARY + b"--\r\n"
    )
    return _post(url, f"multipart/form-data; boundary={_BOUNDARY.decode()}", body)


def _json_request(url: str, picture: bytes) -> bytes:
    """Return a POST of one picture as base64 in JSON, head and body."""
    return _post(url, "application/json", json.dumps({"image": b64encode(picture).decode()}).encode())


def _post(url: str, kind: str, body: bytes) -> bytes:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\nContent-Type: {kind}\r\n\r\n"
    )
    return head.encode() + body


class Asks(Protocol):
    """A client that asks again and again."""

    async def ask(self) -> bytes:
        """Return the body of an answer."""

    def close(self) -> None:
        """Close what is open."""


class Client:
    """A keep-alive connection; if the server closes it after a response, it connects again."""

    def __init__(self, url: str, picture: bytes, write: Callable[[str, bytes], bytes] = form_request) -> None:
        self.parts, self.request = urlsplit(url), write(url, picture)
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

    def close(self) -> None:
        """Close the connection."""
        if self.streams is not None:
            self.streams[1].close()
        self.streams = None


class GradioClient:
    """Gradio's API as its documentation describes it: upload the file, call, read the events until the answer."""

    def __init__(self, url: str, picture: bytes) -> None:
        self.url, self.picture = url, picture
        self.http: httpx2.AsyncClient | None = None

    async def ask(self) -> bytes:
        """The answer's data. Raises RuntimeError when the events end without one."""
        self.http = self.http or httpx2.AsyncClient(base_url=self.url, timeout=60)
        upload = await self.http.post("/gradio_api/upload", files={"files": ("photo.jpg", self.picture, "image/jpeg")})
        data = {"data": [{"path": upload.json()[0], "meta": {"_type": "gradio.FileData"}}]}
        call = await self.http.post("/gradio_api/call/classify", json=data)
        events = await self.http.get(f"/gradio_api/call/classify/{call.json()['event_id']}")
        lines = events.text.splitlines()
        if "event: complete" not in lines:
            raise RuntimeError(f"the server answered {events.text[:200]!r}")
        return lines[lines.index("event: complete") + 1].removeprefix("data: ").encode()

    def close(self) -> None:
        """Leave the connections to the end of the process."""


def client_of(kind: str, url: str, picture: bytes) -> Asks:
    """Return a client for a kind of server: form, json or gradio."""
    if kind == "gradio":
        return GradioClient(url, picture)
    return Client(url, picture, _json_request if kind == "json" else form_request)


async def _keep_asking(client: Asks, start: float, end: float) -> list[float]:
    """Milliseconds of each request begun after `start`; the next one follows each answer at once."""
    times = []
    while (began := time.monotonic()) < end:
        await client.ask()
        if began >= start:
            times.append((time.monotonic() - began) * 1000)
    client.close()
    return times


async def load(url: str, clients: int, seconds: float, picture: bytes, kind: str) -> dict[str, object]:
    """Return the requests per second of all clients together, and the milliseconds of each request."""
    start = time.monotonic() + _WARM_UP_SECONDS
    everyone = [client_of(kind, url, picture) for _ in range(clients)]
    lists = await asyncio.gather(*(_keep_asking(one, start, start + seconds) for one in everyone))
    times = [one for times in lists for one in times]
    return {"rate": len(times) / (time.monotonic() - start), "milliseconds": times}


def main(arguments: Sequence[str]) -> None:
    """Print the result as JSON."""
    url, clients, seconds, picture, kind = [*arguments, "form"][:5]
    print(json.dumps(asyncio.run(load(url, int(clients), float(seconds), Path(picture).read_bytes(), kind))))


if __name__ == "__main__":
    main(sys.argv[1:])
