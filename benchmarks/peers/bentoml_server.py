"""BentoML with adaptive batching: python -m bentoml serve benchmarks.peers.bentoml_server:Classify --port PORT."""

from __future__ import annotations

from typing import Any

import bentoml
from PIL.Image import Image

from benchmarks.peers.network import Network


@bentoml.service(traffic={"timeout": 60}, workers=1)
class Classify:
    """The network in a process that puts requests together, as BentoML's documentation recommends."""

    def __init__(self) -> None:
        self.network = Network()

    @bentoml.api(batchable=True, max_batch_size=16, max_latency_ms=60_000)  # type: ignore[untyped-decorator]
    def predict(self, image: list[Image]) -> list[dict[str, Any]]:
        """Classify the pictures of some requests."""
        rows = self.network.probabilities([self.network.square(one) for one in image])
        return [self.network.answer(row) for row in rows]
