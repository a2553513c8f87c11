"""A bundle's Keras network as any program would ask it: Pillow, one compiled function, nothing of Vitrine."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

FOLDER = "BENCHMARK_BUNDLE"  # the environment's name for the folder, as not every server hands arguments on


class Network:
    """A network in memory."""

    def __init__(self, folder: Path | None = None) -> None:
        import keras
        import tensorflow as tf

        folder = folder or Path(os.environ[FOLDER])
        card = json.loads((folder / "card.json").read_text("utf-8"))
        self.classes: list[str] = card["classes"]
        self.size: int = card["input_size"]
        self.model = keras.models.load_model(folder / "model.keras", compile=False)
        signature = [tf.TensorSpec((None, self.size, self.size, 3), tf.uint8)]
        self.compiled: Any = tf.function(lambda images: self.model(images, training=False), input_signature=signature)
        self.probabilities(np.zeros((1, self.size, self.size, 3), np.uint8))

    def read(self, content: bytes | BinaryIO) -> np.ndarray:
        """Decode a picture and cut its middle to the network's square: uint8 (size, size, 3)."""
        image = Image.open(io.BytesIO(content) if isinstance(content, bytes) else content)
        return self.square(image)

    def square(self, image: Image.Image) -> np.ndarray:
        """Cut the middle of a picture to the network's square: uint8 (size, size, 3)."""
        upright = ImageOps.exif_transpose(image).convert("RGB")
        return np.asarray(ImageOps.fit(upright, (self.size, self.size), Image.Resampling.BICUBIC))

    def probabilities(self, images: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Return float32 (n, classes) for uint8 (n, size, size, 3)."""
        return _first_output(self.compiled(np.asarray(images)))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Return the same through Keras's `predict`, as tutorials do."""
        return _first_output(self.model.predict(images, verbose=0))

    def answer(self, row: np.ndarray) -> dict[str, Any]:
        """Return what each server answers with, the most probable class first."""
        order = np.argsort(row)[::-1]
        return {"predictions": [{"label": self.classes[at], "probability": float(row[at])} for at in order]}


def _first_output(outputs: Any) -> np.ndarray:
    """Return the probabilities of a network that may say more."""
    first = outputs[0] if isinstance(outputs, list | tuple) else outputs
    return np.asarray(first["probabilities"] if isinstance(first, dict) else first)
