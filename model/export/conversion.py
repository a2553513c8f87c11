"""Convert a bundle's network to another file format, in a process of its own.

The process is `python -m model.export.conversion BUNDLE IMAGES FILE`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import BundleError, UnsafeModelError
from model.common.extras import is_installed, require
from model.common.files import write_atomic
from model.common.sandbox import print_result, run_sandboxed
from model.i18n.translations import gettext as _
from model.inference.classifier import ENGINES, file_of, read_network
from model.registry.card import H5_FILE, INT8_FILE, KERAS_FILE, TFLITE_FILE, Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_by_name

if TYPE_CHECKING:
    import keras

# Suffix -> the names of a bundle's files that have it.
KINDS: dict[str, tuple[str, ...]] = {
    ".keras": (KERAS_FILE,),
    ".h5": (H5_FILE,),
    ".tflite": (INT8_FILE, TFLITE_FILE),
    ".onnx": (),
}
_ONNX = ".onnx"  # which no bundle holds: it is always made
_SECONDS = 600
_NO_IMAGES = np.zeros((0, 1, 1, 3), np.uint8)


def own_file(card: Card, suffix: str) -> str | None:
    """Return the name of the bundle's file with this suffix, or None if it has none."""
    return next((name for name in KINDS[suffix] if name in card.files), None)


def can_convert(card: Card, suffix: str) -> bool:
    """Return whether a bundle's network is available with this suffix.

    A .tflite file cannot be converted back, and an .onnx file needs what writes it.
    """
    if suffix == _ONNX and not is_installed("onnx"):
        return False
    return own_file(card, suffix) is not None or any(name in card.files for name in ENGINES["keras"])


def convert(folder: Path, card: Card, suffix: str, images: np.ndarray = _NO_IMAGES) -> bytes:
    """Return a bundle's network as a file with this suffix, unchanged if the bundle has that file.

    Args:
        folder: The bundle's folder.
        card: Its card.
        suffix: A key of KINDS.
        images: Images like those the network will see, uint8 (n, height, width, channels); they set the ranges of
            an int8 file.

    Raises:
        BundleError: The network cannot be converted.
    """
    if name := own_file(card, suffix):
        return check_file(folder, card, name).read_bytes()
    if suffix == _ONNX:
        require("onnx")
    if not can_convert(card, suffix):
        raise BundleError(
            _("{name!r} is a .tflite file, which cannot be turned into {suffix}").format(name=card.name, suffix=suffix)
        )
    check_file(folder, card, file_of(card, "keras"))
    with TemporaryDirectory() as temporary:
        pictures, target = Path(temporary) / "images.npy", Path(temporary) / f"model{suffix}"
        np.save(pictures, images)
        try:
            run_sandboxed("model.export.conversion", [str(folder.absolute()), str(pictures), str(target)], _SECONDS)
        except UnsafeModelError as error:
            raise BundleError(
                _("{name!r} cannot be turned into {suffix}: {error}").format(name=card.name, suffix=suffix, error=error)
            ) from None
        return target.read_bytes()


def export(name: str, path: Path) -> int:
    """Write a model's file and return its size in bytes; a stored model's own file is written unchanged.

    Args:
        name: The model's name.
        path: The file to write, with a suffix of KINDS; it must not exist.

    Raises:
        BundleError: The file exists, cannot be written, or cannot be made of this model.
    """
    folder = find_by_name(name)
    card = read_card(folder)
    if path.suffix not in KINDS:
        raise BundleError(_("{path} should end in one of {names}").format(path=path, names=", ".join(KINDS)))
    if path.exists():
        raise BundleError(_("{path} exists already; name another file or remove it").format(path=path))
    if path.suffix == ".tflite" and own_file(card, path.suffix) is None:
        raise BundleError(
            _("{name!r} has no .tflite file; the Models page can make one with the sample pictures").format(name=name)
        )
    content = convert(folder, card, path.suffix)
    try:
        write_atomic(path, content)
    except OSError as error:
        raise BundleError(
            _("{path} cannot be written: {strerror}").format(path=path, strerror=error.strerror)
        ) from error
    return len(content)


def _write_converted(folder: Path, images: np.ndarray, target: Path) -> dict[str, Any]:
    """Convert a network in the other process. It raises whatever Keras and the converter raise."""
    card = read_card(folder)
    network = read_network(folder / file_of(card, "keras"), card.outputs)
    if target.suffix == _ONNX:
        _write_onnx(network, card, target)
        return {}
    if target.suffix != ".tflite":
        _write_keras(network, target)
        return {}
    from model.export.quantization import bake_in_pre_and_postprocessing, quantize

    if not len(images):
        raise UnsafeModelError(_("an int8 file needs pictures to set its ranges by"))
    quantize(bake_in_pre_and_postprocessing(network, card), images, target)
    return {}


def _write_keras(network: keras.Model, target: Path) -> None:
    """Write a network as a .keras or .h5 file. Raises UnsafeModelError if that cannot hold it."""
    import warnings

    import keras

    warnings.simplefilter("ignore")  # Keras warns that .h5 is outdated
    network.save(target)
    try:
        keras.models.load_model(target, compile=False)
    except ValueError:
        raise UnsafeModelError(
            _("it calculates between its layers, and Keras could not read that from .h5; .keras and .onnx hold it")
        ) from None
    except TypeError:  # for a function that is no part of Keras, as what hard_sigmoid was in Keras 2
        raise UnsafeModelError(
            _("it has an activation of Keras 2, and Keras 3 could not read that from {suffix}; .onnx holds it").format(
                suffix=target.suffix
            )
        ) from None


def _write_onnx(network: keras.Model, card: Card, target: Path) -> None:
    """Write a network as uint8 pictures in and probabilities out, with Keras's own export.

    That takes the shapes from a call, so the network is called before.
    """
    from model.export.quantization import bake_in_pre_and_postprocessing

    whole = bake_in_pre_and_postprocessing(network, card)
    whole(np.zeros((1, *card.input_shape), np.uint8))
    whole.export(target, format="onnx", verbose=False)


if __name__ == "__main__":
    bundle, images_file, file = map(Path, sys.argv[1:])
    print_result(lambda: _write_converted(bundle, np.load(images_file), file))
