"""How tests of the API make a client, and the pictures that they send."""

from __future__ import annotations

from collections.abc import Callable

from starlette.testclient import TestClient

from benchmarks.servers import ROOT

MakeClient = Callable[..., TestClient]
SAMPLES = ROOT / "sample_images"
