"""LitServe with batches of up to 16, as its documentation shows it: python -m benchmarks.peers.litserve_server PORT."""

from __future__ import annotations

import sys
from base64 import b64decode
from typing import Any

import litserve
import numpy as np

from benchmarks.peers.network import Network


class Classify(litserve.LitAPI):  # type: ignore[misc]
    """Decode, ask the network, answer."""

    def setup(self, device: str) -> None:
        """Load the network once a worker."""
        self.network = Network()

    def decode_request(self, request: dict[str, str]) -> np.ndarray:
        """Decode the picture, which comes as base64 in JSON: forms cannot be handed to LitServe's workers."""
        return self.network.read(b64decode(request["image"]))

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        """Put pictures together."""
        return np.stack(inputs)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Ask the network."""
        return self.network.probabilities(images)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        """Take answers apart."""
        return list(output)

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        """Write an answer."""
        return self.network.answer(output)


if __name__ == "__main__":
    api = Classify(max_batch_size=16, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", healthcheck_path="/api/health")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
