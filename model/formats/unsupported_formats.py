"""Recognize networks in unsupported formats, and tell users how to convert them.

They are recognized by their first bytes and names alone; nothing in them is read further or run.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from model.common.zip_listing import lists_at_most
from model.i18n.translations import gettext as _
from model.images.image_files import is_picture

MAX_ZIP_NAMES = 100_000  # names in a ZIP of which some may be a network's
_KERAS_MEMBERS = {"config.json", "metadata.json", "model.weights.h5"}
_MODEL_SUFFIXES = (".keras", ".h5", ".hdf5", ".tflite")
_TORCH_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # the magic number that torch.save wrote until version 1.6


def describe_folder(folder: Path) -> str:
    """Say what a folder is instead of a model file, and what to do; a reason to follow the folder's name."""
    names = {path.name for path in folder.iterdir()}
    if {"saved_model.pb", "saved_model.pbtxt", "keras_metadata.pb"} & names:
        return describe_saved_model()
    if names >= _KERAS_MEMBERS:
        return _("it is an unpacked .keras file; put its files into a ZIP again, without a folder, and call it .keras")
    if "model.json" in names:
        return _("it is a folder of TensorFlow.js; {advice}").format(advice=_keras_advice())
    if "checkpoint" in names or any(name.endswith(".index") for name in names):
        return _describe_checkpoint()
    if folder.suffix.lower() == ".mlpackage":
        return _describe_core_ml()
    if inner := sorted(name for name in names if name.lower().endswith(_MODEL_SUFFIXES)):
        return _("it is a folder; give the file in it: {names}").format(names=", ".join(inner[:3]))
    if any(map(is_picture, names)):
        return _("it is a folder of pictures; a network's file is taken here")
    return _("it is a folder; a network's file is taken here")


def describe_file(content: bytes, path: Path) -> str | None:
    """Say what a file is by its content, else by its suffix, and what to do; None if it is not recognized."""
    if content[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _describe_zip(content)
    for matches, say in _BY_CONTENT:
        if matches(content):
            return say()
    say_by_name = _BY_SUFFIX.get(path.suffix.lower())
    if say_by_name is None and ".data-" in path.suffix.lower():
        say_by_name = _describe_checkpoint
    return say_by_name() if say_by_name else None


def is_keras_archive(content: bytes) -> bool:
    """Return whether a ZIP has the files of a .keras file at its top level."""
    return content[:4] == b"PK\x03\x04" and set(_zip_names(content) or ()) >= _KERAS_MEMBERS


def _zip_names(content: bytes) -> list[str] | None:
    """Return the names in a ZIP, none if there are too many, or None if it cannot be read."""
    try:
        if not lists_at_most(io.BytesIO(content), MAX_ZIP_NAMES):
            return []
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()
    except Exception:  # zipfile raises nearly anything on malicious files
        return None


def _describe_zip(content: bytes) -> str:
    """Say what a ZIP is that is not a .keras file, by the names in it."""
    listed = _zip_names(content)
    if listed is None:
        return _("it is a ZIP that is damaged or cut off")
    paths = [PurePosixPath(name) for name in listed if not name.startswith("__MACOSX/")]
    names = {path.name for path in paths}
    if "saved_model.pb" in names:
        return _("it is a ZIP of a SavedModel, a folder of TensorFlow's; {advice}").format(advice=_saved_model_advice())
    if "constants.pkl" in names and any("code" in path.parts for path in paths):
        return _("it is a TorchScript file of PyTorch; {advice}").format(advice=_torch_advice())
    if "data.pkl" in names:
        return _describe_torch()
    if names >= _KERAS_MEMBERS:
        return _(
            "it is a ZIP of an unpacked .keras file; put its files into a ZIP without the folder, and call it .keras"
        )
    if inner := [str(path) for path in paths if path.suffix.lower() in _MODEL_SUFFIXES]:
        return _(
            "it is a ZIP, with {names} in it: unpack it and give that file; a list of labels beside it goes with "
            "--classes"
        ).format(names=", ".join(inner[:3])[:120])
    if any(is_picture(path.name) for path in paths):
        return _("it is a ZIP of pictures; a network's file is taken here")
    if names and all(path.suffix == ".npy" for path in paths):
        return _describe_numpy()
    return _("it is a ZIP in which no network's file is found")


def _keras_advice() -> str:
    return _("load it where it was made, and save it with model.save('network.keras')")


def describe_saved_model() -> str:
    """Say what to do with a SavedModel that Keras did not save."""
    return _("it is a SavedModel, a folder of TensorFlow's; {advice}").format(advice=_saved_model_advice())


def _saved_model_advice() -> str:
    return _(
        "load it with the TensorFlow that saved it, model = tf.keras.models.load_model('FOLDER'), and save it with "
        "model.save('network.h5'); without Keras in it, tf.lite.TFLiteConverter.from_saved_model('FOLDER') makes a "
        ".tflite of it"
    )


def _torch_advice() -> str:
    return _(
        "convert it in Python with litert-torch: litert_torch.convert(model.eval(), (a_batch,)).export("
        "'network.tflite'), for pictures in the order (n, height, width, 3)"
    )


def _describe_torch() -> str:
    return _("it is a PyTorch file, which holds code and no network that Keras knows; {advice}").format(
        advice=_torch_advice()
    )


def _describe_onnx() -> str:
    return _("it is an ONNX file; convert it with onnx2tf, which makes a .tflite of it, or save the network from Keras")


def _describe_checkpoint() -> str:
    return _(
        "it is a checkpoint of TensorFlow, weights alone without the network: build the network in Python as it was, "
        "give it these with model.load_weights(...), and save all of it with model.save('network.keras')"
    )


def _describe_weights_only(kind: str) -> Callable[[], str]:
    return lambda: _(
        "it is a {kind} file, weights alone without the network: load them where the network's code is, and save or "
        "convert it there to .keras, .h5 or .tflite"
    ).format(kind=kind)


def _describe_frozen_graph() -> str:
    return _(
        "it is a graph of TensorFlow's (.pb); tf.compat.v1.lite.TFLiteConverter.from_frozen_graph makes a .tflite of "
        "it; a saved_model.pb belongs to the folder that it lies in"
    )


def _describe_pickle() -> str:
    return _(
        "it is a Python pickle, which runs code when it is opened, so it is not; save the network itself with "
        "model.save('network.keras')"
    )


def _describe_core_ml() -> str:
    return _("it is a network of Core ML, for Apple's devices; save it from where it was made as .keras or .tflite")


def _describe_json() -> str:
    return _(
        "it is the description of a network without its weights (model.to_json()); save all of it with "
        "model.save('network.keras')"
    )


def _describe_tensorflow_js() -> str:
    return _("it is a network of TensorFlow.js; {advice}").format(advice=_keras_advice())


def _describe_numpy() -> str:
    return _(
        "it is a file of NumPy arrays, without a network; save the network itself with model.save('network.keras')"
    )


def _describe_lfs_pointer() -> str:
    return _("it is a pointer of Git LFS and not the file itself; `git lfs pull` fetches that")


def _describe_web_page() -> str:
    return _("it is a web page, as comes in place of a file that has to be downloaded otherwise")


def _describe_archive() -> str:
    return _("it is a packed archive; unpack it and give the network's file in it")


def _describe_picture() -> str:
    return _("it is a picture; a network's file is taken here")


def _starts_with(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(beginnings)


def _is_safetensors(content: bytes) -> bool:
    """Return whether the first eight bytes are the length of a JSON header."""
    return content[8:10] == b'{"' and 2 <= int.from_bytes(content[:8], "little") <= len(content)


def _is_onnx(content: bytes) -> bool:
    """Return whether a protocol buffer begins with a small version number and the name of a known exporter."""
    makers = (b"pytorch", b"tf2onnx", b"keras2onnx", b"onnx", b"skl2onnx", b"backend-test")
    return content[:1] == b"\x08" and any(maker in content[2:40] for maker in makers)


def _is_checkpoint(content: bytes) -> bool:
    """Return whether the bytes end like the table in a checkpoint's .index file."""
    return content[-8:] == b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


_BY_CONTENT: tuple[tuple[Callable[[bytes], bool], Callable[[], str]], ...] = (
    (lambda content: content[:1] == b"\x80" and _TORCH_MAGIC in content[:32], _describe_torch),
    (_starts_with(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), _describe_pickle),
    (_is_safetensors, _describe_weights_only("safetensors")),
    (_is_checkpoint, _describe_checkpoint),
    (_is_onnx, _describe_onnx),
    (_starts_with(b"GGUF"), _describe_weights_only("GGUF")),
    (_starts_with(b"\x93NUMPY"), _describe_numpy),
    (_starts_with(b"version https://git-lfs"), _describe_lfs_pointer),
    (lambda content: content[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")), _describe_web_page),
    (_starts_with(b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ", b"BZh"), _describe_archive),
    (_starts_with(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM"), _describe_picture),
    (lambda content: content[:1] == b"{" and b'"modelTopology"' in content[:100_000], _describe_tensorflow_js),
    (lambda content: content[:1] == b"{" and b'"class_name"' in content[:100_000], _describe_json),
)
_BY_SUFFIX: dict[str, Callable[[], str]] = {
    ".pt": _describe_torch,
    ".pth": _describe_torch,
    ".pt2": _describe_torch,
    ".onnx": _describe_onnx,
    ".safetensors": _describe_weights_only("safetensors"),
    ".msgpack": _describe_weights_only("msgpack"),
    ".ckpt": _describe_checkpoint,
    ".index": _describe_checkpoint,
    ".meta": _describe_checkpoint,
    ".pb": _describe_frozen_graph,
    ".pbtxt": _describe_frozen_graph,
    ".pkl": _describe_pickle,
    ".pickle": _describe_pickle,
    ".joblib": _describe_pickle,
    ".mlmodel": _describe_core_ml,
    ".npz": _describe_numpy,
    ".tar": _describe_archive,
}
