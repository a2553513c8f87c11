"""A stranger's .keras or .h5 file, opened as data: its description, after its container has been found harmless.

Nothing here imports Keras or runs anything of the file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.common.errors import UnsafeModelError
from model.common.extras import require
from model.formats.allowlist import check_network, check_size, without_records
from model.formats.keras2.configuration import modern, with_modules
from model.i18n.number_format import decimal, integer
from model.i18n.translations import gettext as _

if TYPE_CHECKING:
    import h5py

MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
MAX_DESCRIPTION = 16 * 2**20
MAX_UNPACKED = 2**31
MAX_RATIO = 20  # a file may unpack to this many times its size: weights hardly pack
SPARE = 16 * 2**20  # small files may unpack to this in any case
MAX_OBJECTS = 100_000
# A layer that a network of keras.applications alone has -> the network; the larger of two that share it comes first.
SIGNS = {
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
PLAIN_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, fletcher32 and lzf; others may load a plug-in


@dataclass(frozen=True)
class Source:
    """A network's file as data. given: the description that it holds; description: what Keras 3 may build by it."""

    given: dict[str, Any]
    description: dict[str, Any]
    of_keras2: bool


def read_source(path: Path) -> Source:
    """The network in a .keras or .h5 file, in the words of Keras 3, without records of its making.

    Raises NotInstalled, or UnsafeModelError with the reason as half a sentence.
    """
    require("keras")  # reading needs h5py, and nothing can be done with what was read
    given, version = read_keras(path) if path.suffix == ".keras" else read_h5(path)
    check_size(given)
    of_keras2 = not version.startswith("3.")
    description = without_records(given)
    if of_keras2:
        description = modern(description)
    elif path.suffix != ".keras":
        description = with_modules(description)
    check_network(description)
    return Source(given, description, of_keras2)


def read_keras(path: Path) -> tuple[dict[str, Any], str]:
    """A .keras file is a ZIP of three files; any other member, a second one of a name, or a bomb is refused.

    Returns its description, and the version of the Keras that saved it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, path.stat().st_size)
            version = str(parse(archive.read("metadata.json")).get("keras_version", ""))
            description = parse(archive.read("config.json"))
            weights = io.BytesIO(archive.read("model.weights.h5"))
    except UnsafeModelError:
        raise
    except Exception as error:  # zipfile and zlib raise nearly anything on hostile bytes
        raise UnsafeModelError(_("it is damaged, or no .keras file at all")) from error
    check_hdf5(weights, len(weights.getbuffer()))
    return description, version if version else "3."


def check_members(archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    names = sorted(member.filename for member in members)
    if strange := [name for name in names if name not in MEMBERS]:
        raise UnsafeModelError(
            _("it holds the file {strange!r}; a .keras file holds {names}").format(
                strange=strange[0][:80], names=", ".join(sorted(MEMBERS))
            )
        )
    if names != sorted(MEMBERS):
        raise UnsafeModelError(_("it does not hold {names} once each").format(names=", ".join(sorted(MEMBERS))))
    check_unpacked(sum(member.file_size for member in members), size)
    if max(archive.getinfo(name).file_size for name in ("config.json", "metadata.json")) > MAX_DESCRIPTION:
        raise UnsafeModelError(_("its description has more than {limit} MB").format(limit=MAX_DESCRIPTION // 2**20))


def check_unpacked(unpacked: int, size: int) -> None:
    if unpacked > min(MAX_UNPACKED, MAX_RATIO * size + SPARE):
        raise UnsafeModelError(
            _("it would unpack from {size} MB to {unpacked} MB").format(
                size=decimal(size / 2**20), unpacked=integer(round(unpacked / 2**20))
            )
        )


def read_h5(path: Path) -> tuple[dict[str, Any], str]:
    """The description in a whole model's .h5 file, and the version of the Keras that saved it, if it says so."""
    check_hdf5(path, path.stat().st_size)
    import h5py

    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        if text is None:
            raise UnsafeModelError(weights_alone(file))
        if len(text) > MAX_DESCRIPTION:
            raise UnsafeModelError(_("its description has more than {limit} MB").format(limit=MAX_DESCRIPTION // 2**20))
        return parse(text), as_text(file.attrs.get("keras_version", ""))


@contextmanager
def open_weights(path: Path) -> Iterator[h5py.File]:
    """The weights of a .keras or .h5 file that has been read before."""
    import h5py

    if path.suffix != ".keras":
        with h5py.File(path, "r") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
        yield file


def weights_alone(file: h5py.File) -> str:
    """What is to be said of an .h5 file that has weights and no network, and which network it may be of."""
    layers = {as_text(name) for key in file.attrs if key.startswith("layer_names") for name in file.attrs[key]}
    known = next((name for layer, name in SIGNS.items() if layer in layers), None)
    if known is not None:
        return _(
            "it holds weights alone, without the network, which looks like Keras's {name}: build that in Python, give "
            "it this file with network.load_weights(...), and save all of it with network.save('network.keras')"
        ).format(name=known)
    return _(
        "it holds weights alone, without the network: build the network in Python as it was, give it this file with "
        "network.load_weights(...), and save all of it with network.save('network.keras')"
    )


def as_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def parse(text: Any) -> dict[str, Any]:
    """JSON from a stranger as a dictionary. Raises UnsafeModelError."""
    try:
        content = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnsafeModelError(_("its description is no JSON")) from error
    if not isinstance(content, dict):
        raise UnsafeModelError(_("it does not describe a Keras network"))
    return content


def check_hdf5(source: Path | io.BytesIO, size: int) -> None:
    """Every object of an HDF5 file: nothing that points outside it, and no more numbers than its size can hold."""
    import h5py

    try:
        with h5py.File(source, "r") as file:
            unpacked = sum(check_group(file))
    except UnsafeModelError:
        raise
    except Exception as error:  # h5py raises nearly anything on hostile bytes
        raise UnsafeModelError(_("its weights are damaged, or no HDF5 file at all")) from error
    check_unpacked(unpacked, size)


def check_group(file: h5py.File) -> list[int]:
    """The sizes of all data sets. Raises UnsafeModelError for links, outside or virtual data and strange types."""
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
            if len(seen) > MAX_OBJECTS:
                raise UnsafeModelError(
                    _("its weights have more than {max_objects} parts").format(max_objects=MAX_OBJECTS)
                )
            if isinstance(member, h5py.Group):
                waiting.append(member)
            else:
                sizes.append(check_data(member, name))
    return sizes


def check_data(member: Any, name: str) -> int:
    """The bytes that a data set has when it is read. Raises UnsafeModelError."""
    import h5py

    if not isinstance(member, h5py.Dataset) or member.dtype.kind not in "fiubV" or member.dtype.hasobject:
        raise UnsafeModelError(_("its weights {name!r} are no numbers").format(name=name[:80]))
    if member.is_virtual or member.external:
        raise UnsafeModelError(_("its weights {name!r} lie in another file").format(name=name[:80]))
    plan = member.id.get_create_plist()
    if not {plan.get_filter(index)[0] for index in range(plan.get_nfilters())} <= PLAIN_FILTERS:
        raise UnsafeModelError(_("its weights {name!r} are packed in an unknown way").format(name=name[:80]))
    return int(member.nbytes)
