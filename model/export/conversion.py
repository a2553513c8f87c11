"""A bundle's network as a file of another kind, made in a process of its own.

The process is `python -m model.export.conversion BUNDLE IMAGES FILE`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import BundleError, UnsafeModelError
from model.common.files import write_atomic
from model.common.sandbox import print_result, run_sandboxed
from model.i18n.translations import gettext as _
from model.inference.classifier import ENGINES, file_of, read_network
from model.registry.card import H5_FILE, INT8_FILE, KERAS_FILE, TFLITE_FILE, Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import find_named

if TYPE_CHECKING:
    pass

# Suffix -> the files of a bundle that it can stand for.
KINDS: dict[str, tuple[str, ...]] = {".keras": (KERAS_FILE,), ".h5": (H5_FILE,), ".tflite": (INT8_FILE, TFLITE_FILE)}
SECONDS = 600
NO_IMAGES = np.zeros((0, 1, 1, 3), np.uint8)


def own_file(card: Card, suffix: str) -> str | None:
    """The name of a bundle's file of this kind, if it has one."""
    return next((name for name in KINDS[suffix] if name in card.files), None)


def can_convert(card: Card, suffix: str) -> bool:
    """Whether a bundle's network can be had as such a file: a .tflite file cannot be turned back."""
    return own_file(card, suffix) is not None or any(name in card.files for name in ENGINES["keras"])


def convert(folder: Path, card: Card, suffix: str, images: np.ndarray = NO_IMAGES) -> bytes:
    """A bundle's network as a file of this kind, byte for byte where the bundle has that file.

    images, uint8 (n, height, width, channels): pictures like those it will see, which set an int8 file's ranges. Raises
    BundleError when it cannot be converted.
    """
    if name := own_file(card, suffix):
        return check_file(folder, card, name).read_bytes()
    if not can_convert(card, suffix):
        raise BundleError(
            _("{name!r} is a .tflite file, which cannot be turned into {suffix}").format(name=card.name, suffix=suffix)
        )
    check_file(folder, card, file_of(card, "keras"))
    with TemporaryDirectory() as temporary:
        pictures, target = Path(temporary) / "images.npy", Path(temporary) / f"model{suffix}"
        np.save(pictures, images)
        try:
            run_sandboxed("model.export.conversion", [str(folder.absolute()), str(pictures), str(target)], SECONDS)
        except UnsafeModelError as error:
            raise BundleError(
                _("{name!r} cannot be turned into {suffix}: {error}").format(name=card.name, suffix=suffix, error=error)
            ) from None
        return target.read_bytes()


def export(name: str, path: Path) -> int:
    """Write a model's file and return its bytes; a stored one's own kind is byte for byte what was added.

    Raises BundleError; an existing file is not overwritten.
    """
    folder = find_named(name)
    card = read_card(folder)
    if path.suffix not in KINDS:
        raise BundleError(_("{path} should end in one of {names}").format(path=path, names=", ".join(KINDS)))
    if path.exists():
        raise BundleError(_("{path} exists already; name another file or remove it").format(path=path))
    if path.suffix == ".tflite" and own_file(card, path.suffix) is None:
        raise BundleError(
            _("{name!r} has no .tflite file; the page Models makes one from the sample pictures").format(name=name)
        )
    content = convert(folder, card, path.suffix)
    try:
        write_atomic(path, content)
    except OSError as error:
        raise BundleError(
            _("{path} cannot be written: {strerror}").format(path=path, strerror=error.strerror)
        ) from error
    return len(content)


def write_converted(folder: Path, images: np.ndarray, target: Path) -> dict[str, Any]:
    """The work of the other process. Raises whatever Keras and the converter raise."""
    card = read_card(folder)
    network = read_network(folder / file_of(card, "keras"))
    if target.suffix != ".tflite":
        import warnings

        warnings.simplefilter("ignore")  # Keras thinks that .h5 is out of date
        network.save(target)
        return {}
    from model.export.quantization import complete, quantize

    if not len(images):
        raise UnsafeModelError(_("an int8 file needs pictures that its ranges are read from"))
    quantize(complete(network, card), images, target)
    return {}


if __name__ == "__main__":
    bundle, images_file, file = map(Path, sys.argv[1:])
    print_result(lambda: write_converted(bundle, np.load(images_file), file))
