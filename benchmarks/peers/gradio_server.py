"""Gradio's page and API for the same network: python -m benchmarks.peers.gradio_server PORT."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gradio
from PIL import Image

from benchmarks.peers.network import Network

network = Network()


def classify(image: Image.Image | None) -> dict[str, float]:
    """Return the probability of each class, as Gradio's Label wants it."""
    if image is None:
        return {}
    scores = network.answer(network.probabilities(network.square(image)[None])[0])["predictions"]
    return {score["label"]: score["probability"] for score in scores}


def classify_many(paths: list[str] | None) -> list[list[Any]]:
    """Return a row for each file: its name, its class and how sure the network is."""
    if not paths:
        return []
    rows = network.probabilities([network.square(Image.open(path)) for path in paths])
    best = [network.answer(row)["predictions"][0] for row in rows]
    return [[Path(path).name, one["label"], one["probability"]] for path, one in zip(paths, best, strict=True)]


with gradio.Blocks(analytics_enabled=False) as page:
    with gradio.Row():
        picture, label = gradio.Image(type="pil", elem_id="one"), gradio.Label(num_top_classes=10, elem_id="answer")
    with gradio.Row():
        files = gradio.File(file_count="multiple", elem_id="many")
        table = gradio.Dataframe(headers=["file", "class", "probability"], elem_id="table")
    picture.upload(classify, picture, label, api_name="classify")
    files.upload(classify_many, files, table)

if __name__ == "__main__":
    page.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True, share=False)
