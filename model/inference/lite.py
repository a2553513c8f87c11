"""A .tflite file behind LiteRT: pictures in, numbers out, from as many threads at once as there are cores."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.cores import cores
from model.common.stderr_filter import quiet
from model.formats.class_output import lite_rows
from model.inference.shared_batches import Forward
from model.registry.card import Card
from model.signature.scaling import SCALINGS, Scaling, scale_images

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


def load_tflite(path: Path, card: Card) -> Forward:
    """Load a .tflite file as a function of pictures, uint8 (n, height, width, channels) to float32 (n, numbers).

    The pictures go through one by one, which LiteRT does faster than batches.
    """
    return Interpreters(path.read_bytes(), card)


class Interpreters:
    """One network's interpreters: one for each thread that asks at the same time, made when it is needed."""

    def __init__(self, content: bytes, card: Card) -> None:
        self._content, self._card = content, card  # all interpreters read their weights from the same bytes
        # More at once than there are cores would win nothing, and each has the network's working memory for itself.
        self._places = threading.BoundedSemaphore(cores())
        self._free = [_OneAtATime(content, card)]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the numbers, float32 (n, numbers), for pictures, uint8 (n, height, width, channels)."""
        with self._places:
            try:
                interpreter = self._free.pop()
            except IndexError:
                interpreter = _OneAtATime(self._content, self._card)
            try:
                return interpreter(images)
            finally:
                self._free.append(interpreter)


class _OneAtATime:
    """An interpreter with its tensors looked up; only one thread at a time may call it."""

    def __init__(self, content: bytes, card: Card) -> None:
        self._interpreter = _interpreter(content)
        self._given = self._interpreter.get_input_details()[0]
        self._results = lite_rows(self._interpreter.get_output_details(), max(1, len(card.outputs)))
        # A network of grey pictures may have no axis for their one channel.
        self._shape = (1, *card.input_shape)[: len(self._given["shape"])]
        self._scaling = SCALINGS[card.scaling]
        if tuple(self._given["shape"]) != self._shape:
            self._interpreter.resize_tensor_input(self._given["index"], self._shape)
            self._interpreter.allocate_tensors()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Do the same as `Interpreters`."""
        return np.stack([self._numbers_of(image) for image in images])

    def _numbers_of(self, image: np.ndarray) -> np.ndarray:
        tensor = images_to_tensor(image[None], self._scaling, self._given).reshape(self._shape)
        self._interpreter.set_tensor(self._given["index"], tensor)
        self._interpreter.invoke()
        rows = [tensor_to_numbers(self._interpreter.get_tensor(one["index"]), one)[0] for one in self._results]
        return rows[0] if len(rows) == 1 else np.concatenate(rows)


def _interpreter(content: bytes) -> Interpreter:
    from ai_edge_litert.interpreter import Interpreter

    with quiet():  # the first one in a process says what it computes with
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    return interpreter


def images_to_tensor(images: np.ndarray, scaling: Scaling, details: dict[str, Any]) -> np.ndarray:
    """Convert uint8 images to the numbers of a LiteRT input: in its dtype, and quantized if it is.

    Args:
        images: uint8 (n, height, width, channels).
        scaling: The scaling that the network expects.
        details: LiteRT's description of the input.
    """
    if scaling.name == "none" and takes_pixels(details):
        return images
    return numbers_to_tensor(scale_images(images, scaling), details)


def numbers_to_tensor(numbers: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Convert numbers to what a LiteRT tensor holds: in its dtype, and quantized if it is."""
    step, zero = details["quantization"]
    if step == 0:
        return np.asarray(numbers, details["dtype"])
    limits = np.iinfo(details["dtype"])
    return np.asarray((numbers / step + zero).round().clip(limits.min, limits.max), details["dtype"])


def takes_pixels(details: dict[str, Any]) -> bool:
    """Return whether an input is uint8 and its numbers are the pixels themselves.

    An input that was calibrated without bright pixels has fewer than 255 levels for them: there, pixels are quantized.
    """
    if details["dtype"] != np.uint8:
        return False
    step, zero = details["quantization"]
    low, high = -zero * step, (255 - zero) * step
    return not (abs(low) <= 2 and 10 < high < 250)


def tensor_to_numbers(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Convert the values of a LiteRT output to float32 numbers."""
    step, zero = details["quantization"]
    return np.asarray(values if step == 0 else (values.astype(np.float32) - zero) * step, np.float32)
