"""Bundles of a few bytes, for tests that look at folders and cards."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from model.registry.card import Card, write_card

CARD = Card(
    name="small",
    classes=("cat", "dog"),
    input_size=32,
    parameters=1234,
    flops=5678,
    recipe="fast",
    dataset="pets",
    date="2026-01-31",
    minutes=1.5,
    accuracy={
        "pets test, all 20": {"n": 20, "keras": 0.9, "int8": 0.85},
        "pets test, first 5": {"n": 5, "keras": 1.0, "int8": 1.0},
    },
    ece={"pets test, all 20": {"keras": 0.03, "int8": 0.04}},
)


def make(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(b"weights of the network")
    (folder / "model-int8.tflite").write_bytes(b"small weights")
    write_card(folder, dataclasses.replace(CARD, name=folder.name))
    return folder
