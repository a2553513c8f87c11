"""The server that a tutorial writes, with `model.predict`: python -m benchmarks.peers.flask_server PORT."""

from __future__ import annotations

import sys

from flask import Flask, Response, jsonify, request

from benchmarks.peers.network import Network

network = Network()
app = Flask(__name__)


@app.post("/predict")
def predict() -> Response:
    """Classify one picture with `model.predict`."""
    images = network.read(request.files["image"].read())[None]
    return jsonify(network.answer(network.predict(images)[0]))


@app.get("/api/health")
def health() -> Response:
    """Answer that the server is up."""
    return jsonify(status="ready")


if __name__ == "__main__":
    app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
