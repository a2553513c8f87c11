"""A network loaded once: picture bytes in, predictions out, from any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from model.batching import Forward, SharedPass
from model.bundle import INT8_FILE, KERAS_FILE, BundleError, Card, checked_copy, find_bundle, read_card
from model.images import read_image, to_array
from model.prediction import Prediction
from model.quiet import quiet


@dataclass(frozen=True)
class Look:
    """One picture as the network saw it, uint8 RGB (size, size, 3), and what it said."""

    seen: np.ndarray
    prediction: Prediction


# More decoders than cores are not faster together, and each may hold a picture of 50 million pixels.
DECODERS = threading.BoundedSemaphore(os.cpu_count() or 2)
BATCH = 256  # pictures a pass, so that a large set needs no more memory than this many


class Classifier:
    """A bundle's network behind one engine. Thread-safe; `load` makes one."""

    def __init__(self, card: Card, engine: str, forward: Forward) -> None:
        self.card, self.engine, self.forward = card, engine, forward

    @classmethod
    def load(cls, bundle: str | Path = "default", engine: str = "keras") -> Classifier:
        """Read a bundle by name or path, check its file against the card and warm the network up.

        engine: `keras` (float32, needs TensorFlow) or `int8` (LiteRT). Raises BundleError, or ValueError for others.
        """
        if engine not in ENGINES:
            raise ValueError(f"unknown engine {engine!r}; engines: {', '.join(ENGINES)}")
        folder = find_bundle(str(bundle))
        card = read_card(folder)
        file, load = ENGINES[engine]
        try:
            with checked_copy(folder, card, file) as copy, quiet():
                classifier = cls(card, engine, load(copy, card.input_size))
                rows = classifier.probabilities(np.zeros((1, card.input_size, card.input_size, 3), np.uint8))
        except BundleError:
            raise
        except Exception as error:  # what is in the file is not ours: Keras and LiteRT raise nearly anything
            reason = str(error).strip().partition(chr(10))[0]
            raise BundleError(f"{folder / file} cannot be loaded: {reason}") from error
        if rows.shape != (1, len(card.classes)):
            raise BundleError(
                f"{folder / file} gives {rows.shape[1:]} numbers a picture; its card names {len(card.classes)} classes"
            )
        return classifier

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 (n, classes), of uint8 RGB pictures (n, size, size, 3). n may be 0."""
        size = self.card.input_size
        if images.dtype != np.uint8 or images.shape[1:] != (size, size, 3):
            raise ValueError(
                f"images are {images.dtype} {images.shape}; the network takes uint8 (n, {size}, {size}, 3)"
            )
        parts = [self.forward(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.card.classes)), np.float32)

    def classify(self, content: bytes) -> Look:
        """A picture file's bytes to an answer, timed from first byte to last probability. Raises InvalidImage."""
        start = perf_counter()
        size = self.card.input_size
        with DECODERS:
            seen = to_array(read_image(content, at_least=size), size)
        row = self.probabilities(seen[None])[0]
        milliseconds = (perf_counter() - start) * 1000
        return Look(seen, Prediction.from_probabilities(row.tolist(), self.card.classes, self.card.name, milliseconds))


def load_keras(path: Path, size: int) -> Forward:
    """A .keras file as a compiled function with a fixed signature; Keras's safe mode refuses code in the file."""
    import keras
    import tensorflow as tf

    network = keras.models.load_model(path, compile=False, safe_mode=True)

    def compiled(batch: int | None) -> Callable[[tf.Tensor], tf.Tensor]:
        signature = tf.TensorSpec((batch, size, size, 3), tf.uint8)
        function: Callable[[tf.Tensor], tf.Tensor] = tf.function(network, input_signature=[signature], autograph=False)
        return function

    # A batch of one, the usual case, gets a graph whose shapes are all known. Each is traced when first called.
    one, many = compiled(1), compiled(None)

    def forward(images: np.ndarray) -> np.ndarray:
        tensor = tf.constant(images)
        return np.asarray((one if len(images) == 1 else many)(tensor))

    forward(np.zeros((2, size, size, 3), np.uint8))  # traced now, not by the first two who ask at the same time
    return SharedPass(forward)


def load_int8(path: Path, size: int) -> Forward:
    """A .tflite file in LiteRT, picture by picture: faster than batches there, and one buffer serves all."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    given, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    lock = threading.Lock()  # an interpreter is not safe to share

    def forward(images: np.ndarray) -> np.ndarray:
        rows = []
        with lock:
            for image in images:
                interpreter.set_tensor(given, image[None])
                interpreter.invoke()
                rows.append(interpreter.get_tensor(result)[0])
        return np.stack(rows)

    return forward


ENGINES: dict[str, tuple[str, Callable[[Path, int], Forward]]] = {
    "keras": (KERAS_FILE, load_keras),
    "int8": (INT8_FILE, load_int8),
}


def engines_of(card: Card) -> list[str]:
    """The engines that a bundle has a file for."""
    return [engine for engine, (file, _) in ENGINES.items() if file in card.files]
