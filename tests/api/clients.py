"""How tests of the API make a client, and the pictures that they send."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

from starlette.testclient import TestClient

from benchmarks.servers import ROOT, Server

MakeClient = Callable[..., TestClient]
SAMPLES = ROOT / "sample_images"


def post(server: Server, content: bytes, path: str = "/predict") -> str:
    """The class that a server answers."""
    request = urllib.request.Request(f"{server.url}{path}", content, {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return str(json.load(response)["category"])
