"""A SavedModel of Keras 2 as an .h5 file of Keras 2: its description and its numbers; its graph is not even read.

The file is written in a process of its own, `python -m model.formats.keras2.savedmodel FOLDER FILE`, and is then as
much a stranger's as any other .h5 file.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
import struct
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import UnsafeModelError
from model.common.extras import require
from model.common.sandbox import print_result, run_sandboxed
from model.formats.allowlist import NETWORKS, check_size, shown
from model.formats.keras2.tensorflow_checkpoint import Checkpoint, as_dict, fields
from model.formats.keras_files import MAX_DESCRIPTION, check_unpacked, parse
from model.formats.unsupported_formats import saved_model
from model.i18n.translations import gettext as _

if TYPE_CHECKING:
    import h5py

METADATA = "keras_metadata.pb"
INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
PARTS = (METADATA, INDEX, DATA)
MAX_NAME = 256  # characters of a layer's name
MAX_ATTRIBUTE = 60_000  # bytes; HDF5 takes 64 KiB
Parts = dict[str, bytes]


def parts_of_folder(folder: Path, limit: int) -> Parts | None:
    """The three files of a SavedModel that are needed, or None if no Keras saved it.

    Raises UnsafeModelError for links, and for more than `limit` bytes; OSError.
    """
    if not os.path.lexists(folder / METADATA):
        return None
    paths = {name: folder / name for name in PARTS}
    for path in (folder / "variables", *paths.values()):
        if path.is_symlink():
            raise UnsafeModelError(_("it holds a link, {name!r}, and only files are taken").format(name=path.name))
    check_parts({name: path.stat().st_size for name, path in paths.items() if path.is_file()})
    if sum(path.stat().st_size for path in paths.values()) > limit:
        raise UnsafeModelError(_("it has more than {limit} MB").format(limit=limit // 2**20))
    return {name: path.read_bytes() for name, path in paths.items()}


def parts_of_zip(content: bytes) -> Parts | None:
    """The same of a ZIP of one such folder, or None for any other ZIP. Nothing of it is written anywhere.

    Raises UnsafeModelError for links, paths that lead elsewhere, and bombs.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.filename.startswith("__MACOSX/")]
            tops = [member.filename for member in members if PurePosixPath(member.filename).name == METADATA]
            if len(tops) != 1:
                return None
            for member in members:
                check_member(member)
            top = tops[0].removesuffix(METADATA)
            found = [(name, member) for member in members for name in PARTS if member.filename == top + name]
            sizes = {name: member.file_size for name, member in found}
            if len(found) > len(sizes):
                raise UnsafeModelError(_("it holds a file twice"))
            check_parts(sizes)
            check_unpacked(sum(sizes.values()), len(content))
            return {name: archive.read(member) for name, member in found}
    except UnsafeModelError:
        raise
    except Exception as error:  # zipfile and zlib raise nearly anything on hostile bytes
        raise UnsafeModelError(_("it is a ZIP that is damaged or cut off")) from error


def check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    path = PureWindowsPath(name)  # takes / and \ for separators
    if path.is_absolute() or path.drive or path.root or ".." in path.parts:
        raise UnsafeModelError(_("it holds a file for elsewhere, {name!r}").format(name=name[:80]))
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UnsafeModelError(_("it holds a link, {name!r}, and only files are taken").format(name=name[:80]))


def check_parts(sizes: dict[str, int]) -> None:
    if missing := [name for name in PARTS if name not in sizes]:
        raise UnsafeModelError(_("it is a SavedModel without its file {name}").format(name=missing[0]))
    if max(sizes[METADATA], sizes[INDEX]) > MAX_DESCRIPTION:
        raise UnsafeModelError(_("its description has more than {limit} MB").format(limit=MAX_DESCRIPTION // 2**20))


def converted(parts: Parts) -> bytes:
    """An .h5 file of the same description and numbers, the same bytes at any time. Raises UnsafeModelError."""
    with TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "network.h5"
        (folder / "variables").mkdir()
        for part, content in parts.items():
            (folder / part).write_bytes(content)
        run_sandboxed("model.formats.keras2.savedmodel", [str(folder), str(file)])
        return file.read_bytes()


def convert(folder: Path, target: Path) -> dict[str, Any]:
    """The other side of `converted`: write the file."""
    require("keras")
    import h5py

    with whole(METADATA):
        nodes = read_nodes((folder / METADATA).read_bytes())
    description = described(nodes)
    data = (folder / DATA).read_bytes()
    with whole(INDEX):
        checkpoint = Checkpoint((folder / INDEX).read_bytes(), data)
    with h5py.File(target, "w") as file, whole(DATA):
        file.attrs["keras_version"] = "2"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(description)
        write_layers(file.create_group("model_weights"), checkpoint, nodes, len(data))
    return {}


@contextmanager
def whole(name: str) -> Iterator[None]:
    try:
        yield
    except UnsafeModelError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise UnsafeModelError(_("its file {name} is damaged or cut off").format(name=name)) from error


def read_nodes(content: bytes) -> dict[int, bytes]:
    """What Keras wrote of each of its objects, JSON, by the object's number; 0 is the whole network."""
    nodes = [as_dict(node) for field, node in fields(content) if field == 1]
    return {node.get(2, 0): node[5] for node in nodes}


def described(nodes: dict[int, bytes]) -> dict[str, Any]:
    """The network's description as in an .h5 file."""
    if 0 not in nodes:
        raise UnsafeModelError(saved_model())
    root = parse(nodes[0])
    check_size(root)
    kind = root.get("class_name")
    if not isinstance(kind, str) or kind not in NETWORKS or not isinstance(root.get("config"), dict):
        raise UnsafeModelError(
            _(
                "it is a SavedModel of its maker's own class {kind}, which would need code of its maker; build it from "
                "Keras's layers with keras.Model(inputs, outputs), give that its weights, and save it"
            ).format(kind=shown(kind))
        )
    return {"class_name": kind, "config": plain(root["config"])}


def plain(value: Any) -> Any:
    """A SavedModel says of a tuple that it is one; an .h5 file has lists."""
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(value.get("items"), list):
        return plain(value["items"])
    return {key: plain(inner) for key, inner in value.items()}


def write_layers(group: h5py.Group, checkpoint: Checkpoint, nodes: dict[int, bytes], limit: int) -> None:
    """Each layer's numbers under its name, in the order of an .h5 file: those that training changes, then the others.

    limit: the bytes that all of them may have, so that a small file does not make a large one.
    """
    layers = {child for name, child in checkpoint.children(0).items() if re.fullmatch(r"layer-\d+", name)}
    names, total = [], 0
    for layer in sorted(layers):
        name = parse(nodes[layer])["name"]
        if not name or len(name) > MAX_NAME:
            raise ValueError("a layer's name is missing or too long")
        names.append(name)
        part = group.require_group(name)
        variables = variables_of(checkpoint, layer)
        for number, variable in enumerate(variables):
            values = checkpoint.read_variable(variable)
            total += values.nbytes
            if total > limit:
                raise ValueError("more numbers than the file has")
            part[f"weight_{number}"] = values
        list_names(part, "weight_names", [f"weight_{number}" for number in range(len(variables))])
    list_names(group, "layer_names", names)


def variables_of(checkpoint: Checkpoint, layer: int) -> list[int]:
    members = checkpoint.children(layer)
    if "trainable_variables" in members:
        others = checkpoint.children(members["keras_api"]).get("non_trainable_variables")
        return [*checkpoint.items(members["trainable_variables"]), *checkpoint.items(others)]
    # Of layers that Keras makes anew by their descriptions it lists nothing. Only Normalization has numbers then.
    return [members[name] for name in ("mean", "variance", "count")] if "adapt_mean" in members else []


def list_names(group: h5py.Group, key: str, names: list[str]) -> None:
    """Names beside a group; a long list in pieces, as Keras has them."""
    listed = np.array([name.encode() for name in names], "S")
    pieces = -(-listed.nbytes // MAX_ATTRIBUTE)
    if pieces <= 1:
        group.attrs[key] = listed
        return
    for number, piece in enumerate(np.array_split(listed, pieces)):
        group.attrs[f"{key}{number}"] = piece


if __name__ == "__main__":
    print_result(lambda: convert(Path(sys.argv[1]), Path(sys.argv[2])))
