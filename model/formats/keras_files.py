"""Read an untrusted .keras or .h5 file as data: check the container, then return the description.

Nothing here imports Keras or runs anything in the file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from model.common.errors import UnsafeModelError
from model.common.extras import require
from model.common.zip_listing import lists_at_most
from model.formats.allowlist import check_network, check_size, strip_records
from model.formats.keras2.configuration import to_keras3, with_all_modules
from model.formats.unsupported_formats import MAX_ZIP_NAMES
from model.i18n.number_format import decimal, integer
from model.i18n.translations import gettext as _

if TYPE_CHECKING:
    import h5py

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
MAX_DESCRIPTION = 16 * 2**20
_MAX_UNPACKED = 2**31
_MAX_RATIO = 20  # a file may unpack to this many times its size; weights hardly compress
_RATIO_ALLOWANCE = 16 * 2**20  # bytes that even a small file may unpack to
_MAX_OBJECTS = 100_000
# A layer that only one network of keras.applications has -> that network; if several share it, the largest first.
_KNOWN_LAYERS = {
    "block5_conv4": "VGG19",
    "block5_conv3": "VGG16",
    "block14_sepconv2": "Xception",
    "block_16_project": "MobileNetV2",
    "conv_pw_13": "MobileNet",
    "expanded_conv_10/project": "MobileNetV3",
    "conv4_block48_concat": "DenseNet201",
    "conv5_block32_concat": "DenseNet169",
    "conv5_block16_concat": "DenseNet121",
    "conv4_block36_3_conv": "ResNet152",
    "conv4_block23_3_conv": "ResNet101",
    "conv5_block3_3_conv": "ResNet50",
    "block7a_expand_conv": "EfficientNet",
    "mixed10": "InceptionV3",
    "block8_10_conv": "InceptionResNetV2",
}
_SAFE_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, fletcher32 and lzf; other filters may load plug-ins


@dataclass(frozen=True)
class _Source:
    """A network file as data.

    Attributes:
        given: The description as the file has it.
        description: The description that Keras 3 may build from.
        of_keras2: Whether Keras 2 saved the file.
    """

    given: dict[str, Any]
    description: dict[str, Any]
    of_keras2: bool


def read_source(path: Path) -> _Source:
    """Read the network in a .keras or .h5 file.

    Raises:
        NotInstalled: Keras is not installed.
        UnsafeModelError: The file uses something that is not allowed, or it is damaged.
    """
    require("keras")  # reading needs h5py, and nothing can be done with what was read
    given, version = _read_keras(path) if path.suffix == ".keras" else read_h5(path)
    check_size(given)
    of_keras2 = not version.startswith("3.")
    description = strip_records(given)
    if of_keras2:
        description = to_keras3(description)
    elif path.suffix != ".keras":
        description = with_all_modules(description)
    check_network(description)
    return _Source(given, description, of_keras2)


def _read_keras(path: Path) -> tuple[dict[str, Any], str]:
    """Read the description in a .keras file: a ZIP with exactly three files. ZIP bombs are refused.

    Returns:
        The description, and the version of Keras that saved it.
    """
    try:
        with path.open("rb") as file:
            check_listed(file)
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path.stat().st_size)
            version = str(parse_object(archive.read("metadata.json")).get("keras_version", ""))
            description = parse_object(archive.read("config.json"))
            weights = io.BytesIO(archive.read("model.weights.h5"))
    except UnsafeModelError:
        raise
    except Exception as error:  # zipfile and zlib raise nearly anything on malicious files
        raise UnsafeModelError(_("it is damaged, or no .keras file at all")) from error
    check_hdf5(weights, len(weights.getbuffer()))
    return description, version if version else "3."


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    names = sorted(member.filename for member in members)
    if strange := [name for name in names if name not in _MEMBERS]:
        raise UnsafeModelError(
            _("it holds the file {strange!r}; a .keras file holds {names}").format(
                strange=strange[0][:80], names=", ".join(sorted(_MEMBERS))
            )
        )
    if names != sorted(_MEMBERS):
        raise UnsafeModelError(_("it does not hold {names} once each").format(names=", ".join(sorted(_MEMBERS))))
    check_unpacked(sum(member.file_size for member in members), size)
    if max(archive.getinfo(name).file_size for name in ("config.json", "metadata.json")) > MAX_DESCRIPTION:
        raise UnsafeModelError(_("its description has more than {limit} MB").format(limit=MAX_DESCRIPTION // 2**20))


def check_listed(file: IO[bytes]) -> None:
    """Raise UnsafeModelError if a ZIP lists more files than any network has: to list them would fill the memory."""
    if not lists_at_most(file, MAX_ZIP_NAMES):
        raise UnsafeModelError(
            _("it is a ZIP of more than {count} files, and no network has so many").format(count=integer(MAX_ZIP_NAMES))
        )


def check_unpacked(unpacked: int, size: int) -> None:
    """Raise UnsafeModelError if a file of `size` bytes would unpack to too many."""
    if unpacked > min(_MAX_UNPACKED, _MAX_RATIO * size + _RATIO_ALLOWANCE):
        raise UnsafeModelError(
            _("it would unpack from {size} MB to {unpacked} MB").format(
                size=decimal(size / 2**20), unpacked=integer(round(unpacked / 2**20))
            )
        )


def read_h5(path: Path) -> tuple[dict[str, Any], str]:
    """Read the description in a whole model's .h5 file, and the version of Keras that saved it ("" if unknown)."""
    check_hdf5(path, path.stat().st_size)
    import h5py

    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        if text is None:
            raise UnsafeModelError(_weights_only_message(file))
        if len(text) > MAX_DESCRIPTION:
            raise UnsafeModelError(_("its description has more than {limit} MB").format(limit=MAX_DESCRIPTION // 2**20))
        return parse_object(text), _as_text(file.attrs.get("keras_version", ""))


@contextmanager
def open_weights(path: Path) -> Iterator[h5py.File]:
    """Open the weights of a .keras or .h5 file that has been checked."""
    import h5py

    if path.suffix != ".keras":
        with h5py.File(path, "r") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
        yield file


def _weights_only_message(file: h5py.File) -> str:
    """Explain that an .h5 file has weights but no network, and which network they may belong to."""
    layers = {_as_text(name) for key in file.attrs if key.startswith("layer_names") for name in file.attrs[key]}
    known = next((name for layer, name in _KNOWN_LAYERS.items() if layer in layers), None)
    if known is not None:
        return _(
            "it holds weights alone, without the network, which looks like Keras's {name}: build that in Python, give "
            "it this file with network.load_weights(...), and save all of it with network.save('network.keras')"
        ).format(name=known)
    return _(
        "it holds weights alone, without the network: build the network in Python as it was, give it this file with "
        "network.load_weights(...), and save all of it with network.save('network.keras')"
    )


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def parse_object(text: Any) -> dict[str, Any]:
    """Parse an untrusted JSON object.

    Raises:
        UnsafeModelError: The text is not JSON, or not an object.
    """
    try:
        content = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnsafeModelError(_("its description is no JSON")) from error
    if not isinstance(content, dict):
        raise UnsafeModelError(_("it does not describe a Keras network"))
    return content


def check_hdf5(source: Path | io.BytesIO, size: int) -> None:
    """Check every object in an HDF5 file: no references to other files, and no more data than its size can hold."""
    import h5py

    try:
        with h5py.File(source, "r") as file:
            unpacked = sum(_check_hdf5_objects(file))
    except UnsafeModelError:
        raise
    except Exception as error:  # h5py raises nearly anything on malicious files
        raise UnsafeModelError(_("its weights are damaged, or no HDF5 file at all")) from error
    check_unpacked(unpacked, size)


def _check_hdf5_objects(file: h5py.File) -> list[int]:
    """Return the sizes (bytes) of all datasets; refuse links, external or virtual data and unusual types."""
    import h5py

    waiting, seen, sizes = [file["/"]], set(), []
    while waiting:
        group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UnsafeModelError(_("its weights have a link, {name!r}, to data elsewhere").format(name=name[:80]))
            member = group[name]
            address = h5py.h5o.get_info(member.id).addr
            if address in seen:
                raise UnsafeModelError(_("its weights hold {name!r} twice").format(name=name[:80]))
            seen.add(address)
            if len(seen) > _MAX_OBJECTS:
                raise UnsafeModelError(
                    _("its weights have more than {max_objects} parts").format(max_objects=_MAX_OBJECTS)
                )
            if isinstance(member, h5py.Group):
                waiting.append(member)
            else:
                sizes.append(_check_hdf5_dataset(member, name))
    return sizes


def _check_hdf5_dataset(member: Any, name: str) -> int:
    """Return the size of a dataset once it is read, in bytes."""
    import h5py

    if not isinstance(member, h5py.Dataset) or member.dtype.kind not in "fiubV" or member.dtype.hasobject:
        raise UnsafeModelError(_("its weights {name!r} are no numbers").format(name=name[:80]))
    if member.is_virtual or member.external:
        raise UnsafeModelError(_("its weights {name!r} lie in another file").format(name=name[:80]))
    plan = member.id.get_create_plist()
    if not {plan.get_filter(index)[0] for index in range(plan.get_nfilters())} <= _SAFE_FILTERS:
        raise UnsafeModelError(_("its weights {name!r} are packed in an unknown way").format(name=name[:80]))
    return int(member.nbytes)
