"""What a network wants for a pixel: read in its file, else tried out on sample pictures, else guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.datasets.class_name_files import Names, NamesError
from model.datasets.class_names import resolve_class_names
from model.i18n.translations import gettext as _
from model.inference.classifier import load_tflite
from model.inference.shared_batches import Forward
from model.intake.scaling_evidence import Finding, guess
from model.intake.tflite_metadata import Metadata, by_metadata
from model.registry.card import Card
from model.signature.scaling import CONFIRMED, GUESSED, READ, TRIED, as_function, check_scaling
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

Naming = Callable[[int], Sequence[str]]  # how many classes there are -> their names
Means = tuple[str, float]  # the last activation, and by how much probabilities may miss 1


def said(scaling: str) -> Finding:
    """The convention that somebody named. Raises UnsafeModelError for one that there is not."""
    check_scaling(scaling, UnsafeModelError)
    return Finding(scaling, CONFIRMED, _("as you said"))


def names_for(classes: str, count: int, labels: Names | None = None) -> Sequence[str]:
    """The names that were given for `count` classes, or those of the file's own labels, or numbers."""
    own = labels if labels and len(labels) == count and not classes else ""
    try:
        return resolve_class_names(classes or own, count)
    except NamesError:  # whoever stores the network says what is wrong with them
        return resolve_class_names("", count)


def probe_card(shape: InputShape, scaling: str) -> Card:
    """What a network is asked by before it has a card."""
    own_width = shape.width if shape.width != shape.height else 0
    return Card("", (), shape.height, 0, 0, "", "", "", scaling=scaling, input_width=own_width, channels=shape.channels)


def find_in_keras(network: keras.Model, shape: InputShape, means: Means, naming: Naming) -> Finding:
    """What a Keras network of such pictures wants; means: what its numbers are, as `kind_of_output` takes it."""
    from model.intake.batch_norm_statistics import by_memory
    from model.intake.keras_preprocessing import read_preprocessing
    from model.intake.scaling_trial import try_out

    if str(network.inputs[0].dtype).startswith(("uint8", "int")):
        return Finding("none", READ, _("its input is whole numbers"))
    if found := read_preprocessing(network, shape):
        return found
    remembered = by_memory(network, shape)
    if remembered and remembered.source == TRIED:
        return remembered
    tried = try_out(asking(network, shape), shape, naming, means)
    return remembered if remembered and tried.source == GUESSED else tried


def find_in_tflite(
    path: Path, given: dict[str, Any], shape: InputShape, metadata: Metadata, means: Means, naming: Naming
) -> Finding:
    """What a .tflite file wants; given: its input as LiteRT describes it."""
    from model.intake.scaling_trial import try_out
    from model.intake.tflite_preprocessing import by_weights, read_start

    if described := by_metadata(metadata):
        return described
    if given["dtype"] == np.float32:
        raw = load_tflite(path, probe_card(shape, "none"))
        if found := read_start(path, shape):
            return found
        tried = try_out(raw, shape, naming, means)
        return by_weights(path, shape) or tried if tried.source == GUESSED else tried
    if given["quantization"][0]:
        return read_start(path, shape) or guess()
    return Finding("none", READ, _("its input is whole numbers")) if given["dtype"] == np.uint8 else guess()


def asking(network: keras.Model, shape: InputShape) -> Forward:
    """The network as a function of pictures in its own numbers, float32 (n, height, width, channels)."""
    forward = as_function(network, shape, dtype="float32")
    return lambda numbers: np.asarray(forward(numbers), np.float32)
