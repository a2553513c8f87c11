"""FastAPI with a compiled function in its thread pool: python -m benchmarks.peers.fastapi_server PORT."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, UploadFile

from benchmarks.peers.network import Network

network = Network()
app = FastAPI()


@app.post("/predict")
def predict(image: UploadFile) -> dict[str, Any]:
    """Classify one picture, in one of the threads that FastAPI keeps for such functions."""
    return network.answer(network.probabilities(network.read(image.file.read())[None])[0])


@app.get("/api/health")
def health() -> dict[str, str]:
    """Answer that the server is up."""
    return {"status": "ready"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
