"""A bundle's network as a file of another kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from model.bundle import H5_FILE, INT8_FILE, KERAS_FILE, TFLITE_FILE, BundleError, Card, check_file
from model.classifier import ENGINES, file_of, read_network
from model.quiet import quiet
from model.scaling import SCALINGS

if TYPE_CHECKING:
    import keras

# What can be had -> the files of a bundle that are it already.
KINDS: dict[str, tuple[str, ...]] = {
    ".keras": (KERAS_FILE,),
    ".h5": (H5_FILE,),
    "int8 .tflite": (INT8_FILE, TFLITE_FILE),
}


def can_convert(card: Card, kind: str) -> bool:
    """Whether a bundle's network can be had as one of KINDS: a .tflite file cannot be turned back."""
    return any(name in card.files for name in (*KINDS[kind], *ENGINES["keras"]))


def convert(folder: Path, card: Card, kind: str, images: np.ndarray) -> bytes:
    """A bundle's network as one of KINDS, byte for byte where the bundle has that file.

    images, uint8 (n, size, size, 3): pictures like those it will see, from which an int8 file's ranges are read.
    Raises BundleError when it cannot be converted.
    """
    for name in KINDS[kind]:
        if name in card.files:
            return check_file(folder, card, name).read_bytes()
    path = check_file(folder, card, file_of(card, "keras"))
    with TemporaryDirectory() as temporary:
        target = Path(temporary) / f"model.{kind.rpartition('.')[2]}"
        try:
            with quiet():
                network = read_network(path)
                write_int8(network, card, images, target) if kind.startswith("int8") else network.save(target)
        except Exception as error:  # Keras and the converter raise nearly anything for a layer they cannot turn
            reason = str(error).strip().partition("\n")[0][:200]
            raise BundleError(f"{card.name!r} cannot be converted to {kind}: {reason}") from error
        return target.read_bytes()


def write_int8(network: keras.Model, card: Card, images: np.ndarray, path: Path) -> None:
    from model.quantize import quantize

    quantize(complete(network, card), images, path)


def complete(network: keras.Model, card: Card) -> keras.Model:
    """The network with its scaling and its probabilities inside: uint8 pictures in, probabilities out."""
    import keras

    if card.scaling == "none" and card.output == "probabilities":
        return network
    pictures = keras.Input((card.input_size, card.input_size, 3), dtype="uint8", name="image")
    scaling = SCALINGS[card.scaling]
    scaled = keras.layers.Rescaling(list(scaling.factor), list(scaling.offset))(pictures)
    last: Callable[[object], object] = keras.layers.Softmax() if card.output == "logits" else lambda answers: answers
    return keras.Model(pictures, last(network(scaled)))
