"""Convert a SavedModel of Keras 2 to an .h5 file: its description and its weights; its graph is never read.

The file is written in a sandbox, `python -m model.formats.keras2.savedmodel FOLDER FILE`, and is as untrusted as any
other .h5 file.
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
from model.formats.allowlist import NETWORKS, check_size, short_repr
from model.formats.keras2.tensorflow_checkpoint import Checkpoint, protobuf_dict, protobuf_fields
from model.formats.keras_files import MAX_DESCRIPTION, check_listed, check_unpacked, parse_object
from model.formats.unsupported_formats import describe_saved_model
from model.i18n.translations import gettext as _

if TYPE_CHECKING:
    import h5py

METADATA = "keras_metadata.pb"
INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
PARTS = (METADATA, INDEX, DATA)
_MAX_NAME = 256  # characters of a layer's name
_MAX_ATTRIBUTE = 60_000  # bytes; HDF5's limit is 64 KiB
Parts = dict[str, bytes]


def read_saved_model_folder(folder: Path, limit: int) -> Parts | None:
    """Read the three files of a SavedModel that are needed; None if Keras did not save it.

    Raises:
        UnsafeModelError: There are links, or more than `limit` bytes.
        OSError: A file cannot be read.
    """
    if not os.path.lexists(folder / METADATA):
        return None
    paths = {name: folder / name for name in PARTS}
    for path in (folder / "variables", *paths.values()):
        if path.is_symlink():
            raise UnsafeModelError(_("it holds a link, {name!r}, and only files are taken").format(name=path.name))
    _check_parts({name: path.stat().st_size for name, path in paths.items() if path.is_file()})
    if sum(path.stat().st_size for path in paths.values()) > limit:
        raise UnsafeModelError(_("it has more than {limit} MB").format(limit=limit // 2**20))
    return {name: path.read_bytes() for name, path in paths.items()}


def read_saved_model_zip(content: bytes) -> Parts | None:
    """Do the same for a ZIP of one such folder; None for any other ZIP. Nothing is unpacked to disk.

    Raises:
        UnsafeModelError: There are links or paths that lead outside, or it is a ZIP bomb.
    """
    check_listed(io.BytesIO(content))
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [member for member in archive.infolist() if not member.filename.startswith("__MACOSX/")]
            tops = [member.filename for member in members if PurePosixPath(member.filename).name == METADATA]
            if len(tops) != 1:
                return None
            for member in members:
                _check_member(member)
            top = tops[0].removesuffix(METADATA)
            found = [(name, member) for member in members for name in PARTS if member.filename == top + name]
            sizes = {name: member.file_size for name, member in found}
            if len(found) > len(sizes):
                raise UnsafeModelError(_("it holds a file twice"))
            _check_parts(sizes)
            check_unpacked(sum(sizes.values()), len(content))
            return {name: archive.read(member) for name, member in found}
    except UnsafeModelError:
        raise
    except Exception as error:  # zipfile and zlib raise nearly anything on malicious files
        raise UnsafeModelError(_("it is a ZIP that is damaged or cut off")) from error


def _check_member(member: zipfile.ZipInfo) -> None:
    name = member.filename
    path = PureWindowsPath(name)  # accepts both / and \ as separators
    if path.is_absolute() or path.drive or path.root or ".." in path.parts:
        raise UnsafeModelError(_("it holds a file for elsewhere, {name!r}").format(name=name[:80]))
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UnsafeModelError(_("it holds a link, {name!r}, and only files are taken").format(name=name[:80]))


def _check_parts(sizes: dict[str, int]) -> None:
    if missing := [name for name in PARTS if name not in sizes]:
        raise UnsafeModelError(_("it is a SavedModel without its file {name}").format(name=missing[0]))
    if max(sizes[METADATA], sizes[INDEX]) > MAX_DESCRIPTION:
        raise UnsafeModelError(_("its description has more than {limit} MB").format(limit=MAX_DESCRIPTION // 2**20))


def convert_to_h5(parts: Parts) -> bytes:
    """Return an .h5 file with the same description and weights; the same input always gives the same bytes.

    Raises:
        UnsafeModelError: The SavedModel is damaged, or uses something that is not allowed.
    """
    with TemporaryDirectory() as name:
        folder, file = Path(name), Path(name) / "network.h5"
        (folder / "variables").mkdir()
        for part, content in parts.items():
            (folder / part).write_bytes(content)
        run_sandboxed("model.formats.keras2.savedmodel", [str(folder), str(file)])
        return file.read_bytes()


def write_h5(folder: Path, target: Path) -> dict[str, Any]:
    """Write the .h5 file; this runs in the sandbox."""
    require("keras")
    import h5py

    with _report_damage(METADATA):
        nodes = read_nodes((folder / METADATA).read_bytes())
    description = _read_description(nodes)
    data = (folder / DATA).read_bytes()
    with _report_damage(INDEX):
        checkpoint = Checkpoint((folder / INDEX).read_bytes(), data)
    with h5py.File(target, "w") as file, _report_damage(DATA):
        file.attrs["keras_version"] = "2"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(description)
        write_layers(file.create_group("model_weights"), checkpoint, nodes, len(data))
    return {}


@contextmanager
def _report_damage(name: str) -> Iterator[None]:
    try:
        yield
    except UnsafeModelError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, struct.error, RecursionError) as error:
        raise UnsafeModelError(_("its file {name} is damaged or cut off").format(name=name)) from error


def read_nodes(content: bytes) -> dict[int, bytes]:
    """Return Keras's JSON for each of its objects by number; 0 is the whole network."""
    nodes = [protobuf_dict(node) for field, node in protobuf_fields(content) if field == 1]
    return {node.get(2, 0): node[5] for node in nodes}


def _read_description(nodes: dict[int, bytes]) -> dict[str, Any]:
    """Return the network's description in the form of an .h5 file."""
    if 0 not in nodes:
        raise UnsafeModelError(describe_saved_model())
    root = parse_object(nodes[0])
    check_size(root)
    kind = root.get("class_name")
    if not isinstance(kind, str) or kind not in NETWORKS or not isinstance(root.get("config"), dict):
        raise UnsafeModelError(
            _(
                "it is a SavedModel of its maker's own class {kind}, which would need code of its maker; build it from "
                "Keras's layers with keras.Model(inputs, outputs), give that its weights, and save it"
            ).format(kind=short_repr(kind))
        )
    return {"class_name": kind, "config": _tuples_to_lists(root["config"])}


def _tuples_to_lists(value: Any) -> Any:
    """Turn marked tuples of a SavedModel into lists, as in .h5 files."""
    if isinstance(value, list):
        return [_tuples_to_lists(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(value.get("items"), list):
        return _tuples_to_lists(value["items"])
    return {key: _tuples_to_lists(inner) for key, inner in value.items()}


def write_layers(group: h5py.Group, checkpoint: Checkpoint, nodes: dict[int, bytes], limit: int) -> None:
    """Write each layer's weights under its name in the order of an .h5 file: trainable, then non-trainable.

    Args:
        group: The group to write into.
        checkpoint: The weights.
        nodes: Keras's JSON for each object.
        limit: Maximum bytes of all weights, so that a small file cannot make a large one.
    """
    layers = {child for name, child in checkpoint.children(0).items() if re.fullmatch(r"layer-\d+", name)}
    names, total = [], 0
    for layer in sorted(layers):
        name = parse_object(nodes[layer])["name"]
        if not name or len(name) > _MAX_NAME:
            raise ValueError("a layer's name is missing or too long")
        names.append(name)
        part = group.require_group(name)
        variables = _layer_variables(checkpoint, layer)
        for number, variable in enumerate(variables):
            values = checkpoint.read_variable(variable)
            total += values.nbytes
            if total > limit:
                raise ValueError("more numbers than the file has")
            part[f"weight_{number}"] = values
        write_names(part, "weight_names", [f"weight_{number}" for number in range(len(variables))])
    write_names(group, "layer_names", names)


def _layer_variables(checkpoint: Checkpoint, layer: int) -> list[int]:
    members = checkpoint.children(layer)
    if "trainable_variables" in members:
        others = checkpoint.children(members["keras_api"]).get("non_trainable_variables")
        return [*checkpoint.items(members["trainable_variables"]), *checkpoint.items(others)]
    # Keras lists nothing for layers that it recreates from their descriptions; of these only Normalization has weights.
    return [members[name] for name in ("mean", "variance", "count")] if "adapt_mean" in members else []


def write_names(group: h5py.Group, key: str, names: list[str]) -> None:
    """Write a list of names as an attribute; in several pieces if it is long, as Keras does."""
    listed = np.array([name.encode() for name in names], "S")
    pieces = -(-listed.nbytes // _MAX_ATTRIBUTE)
    if pieces <= 1:
        group.attrs[key] = listed
        return
    for number, piece in enumerate(np.array_split(listed, pieces)):
        group.attrs[f"{key}{number}"] = piece


if __name__ == "__main__":
    print_result(lambda: write_h5(Path(sys.argv[1]), Path(sys.argv[2])))
