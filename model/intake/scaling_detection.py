"""Detect the pixel scaling of a network: read it in the file, else try it on sample pictures, else guess."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.datasets.class_name_files import Names, NamesError
from model.datasets.class_names import resolve_class_names
from model.i18n.translations import gettext as _
from model.inference.lite import load_tflite
from model.inference.shared_batches import Forward
from model.intake.scaling_evidence import Finding, default_guess
from model.intake.tflite_metadata import Metadata, scaling_from_metadata
from model.registry.card import Card
from model.signature.scaling import CONFIRMED, GUESSED, READ, TRIED, check_scaling, compile_function
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras

_ClassNames = Callable[[int], Sequence[str]]  # how many classes there are -> their names
OutputHints = tuple[str, float]  # the last activation, and by how much probabilities may miss 1


def confirmed_scaling(scaling: str) -> Finding:
    """Return the scaling that the user named; raise UnsafeModelError if it does not exist."""
    check_scaling(scaling, UnsafeModelError)
    return Finding(scaling, CONFIRMED, _("as you said"))


def names_or_numbers(classes: str, count: int, labels: Names | None = None) -> Sequence[str]:
    """Return the names given for `count` classes, else the labels in the file, else numbers."""
    own = labels if labels and len(labels) == count and not classes else ""
    try:
        return resolve_class_names(classes or own, count)
    except NamesError:  # whoever stores the network says what is wrong with them
        return resolve_class_names("", count)


def probe_card(shape: InputShape, scaling: str) -> Card:
    """Return a temporary card, to run a network before it has its own."""
    own_width = shape.width if shape.width != shape.height else 0
    return Card("", (), shape.height, 0, 0, "", "", "", scaling=scaling, input_width=own_width, channels=shape.channels)


def detect_keras_scaling(network: keras.Model, shape: InputShape, means: OutputHints, naming: _ClassNames) -> Finding:
    """Detect the scaling of a Keras network; `means` as for `kind_of_output`."""
    from model.intake.batch_norm_statistics import scaling_from_statistics
    from model.intake.keras_preprocessing import read_preprocessing
    from model.intake.scaling_trial import try_scalings

    if str(network.inputs[0].dtype).startswith(("uint8", "int")):
        return Finding("none", READ, _("its input is whole numbers"))
    if found := read_preprocessing(network, shape):
        return found
    remembered = scaling_from_statistics(network, shape)
    if remembered and remembered.source == TRIED:
        return remembered
    tried = try_scalings(_raw_forward(network, shape), shape, naming, means)
    return remembered if remembered and tried.source == GUESSED else tried


def detect_tflite_scaling(
    path: Path, given: dict[str, Any], shape: InputShape, metadata: Metadata, means: OutputHints, naming: _ClassNames
) -> Finding:
    """Detect the scaling of a .tflite file; `given`: its input as LiteRT describes it."""
    from model.intake.scaling_trial import try_scalings
    from model.intake.tflite_preprocessing import read_start, scaling_from_weights

    if described := scaling_from_metadata(metadata):
        return described
    if given["dtype"] == np.float32:
        raw = load_tflite(path, probe_card(shape, "none"))
        if found := read_start(path, shape):
            return found
        tried = try_scalings(raw, shape, naming, means)
        return scaling_from_weights(path, shape) or tried if tried.source == GUESSED else tried
    if given["quantization"][0]:
        return read_start(path, shape) or default_guess()
    return Finding("none", READ, _("its input is whole numbers")) if given["dtype"] == np.uint8 else default_guess()


def _raw_forward(network: keras.Model, shape: InputShape) -> Forward:
    """Return the network as a function of already scaled pictures, float32 (n, height, width, channels)."""
    forward = compile_function(network, shape, dtype="float32")
    return lambda numbers: np.asarray(forward(numbers), np.float32)
