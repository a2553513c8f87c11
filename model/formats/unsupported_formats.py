"""Files and folders that hold a network in a form that is not taken: what each is, and how to get one that is.

They are told by their first bytes and by their names alone; nothing in them is read further or run.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from model.i18n.translations import gettext as _
from model.images.image_files import is_picture

MANY = 100_000  # names of a ZIP that are looked at
ARCHIVE = {"config.json", "metadata.json", "model.weights.h5"}
NETWORKS = (".keras", ".h5", ".hdf5", ".tflite")
TORCH_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # the number that torch.save wrote first until 1.6


def of_folder(folder: Path) -> str:
    """What a folder is, in place of a network's file, and what to do: half a sentence."""
    names = {path.name for path in folder.iterdir()}
    if {"saved_model.pb", "saved_model.pbtxt", "keras_metadata.pb"} & names:
        return saved_model()
    if names >= ARCHIVE:
        return _("it is an unpacked .keras file; put its files into a ZIP again, without a folder, and call it .keras")
    if "model.json" in names:
        return _("it is a folder of TensorFlow.js; {advice}").format(advice=keras_advice())
    if "checkpoint" in names or any(name.endswith(".index") for name in names):
        return checkpoint()
    if folder.suffix.lower() == ".mlpackage":
        return core_ml()
    if inner := sorted(name for name in names if name.lower().endswith(NETWORKS)):
        return _("it is a folder; give the file in it: {names}").format(names=", ".join(inner[:3]))
    if any(map(is_picture, names)):
        return _("it is a folder of pictures; a network's file is taken here")
    return _("it is a folder; a network's file is taken here")


def of_content(content: bytes, path: Path) -> str | None:
    """What a file is by its content, then by its name, and what to do: half a sentence. None for an unknown kind."""
    if content[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return zip_file(content)
    for matches, say in BY_CONTENT:
        if matches(content):
            return say()
    say_by_name = BY_SUFFIX.get(path.suffix.lower())
    if say_by_name is None and ".data-" in path.suffix.lower():
        say_by_name = checkpoint
    return say_by_name() if say_by_name else None


def is_keras_archive(content: bytes) -> bool:
    """Whether a ZIP has the files of a .keras file at its top."""
    return content[:4] == b"PK\x03\x04" and set(zip_names(content) or ()) >= ARCHIVE


def zip_names(content: bytes) -> list[str] | None:
    """The names in a ZIP, or None for one that cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist()[:MANY]
    except Exception:  # zipfile raises nearly anything on hostile bytes
        return None


def zip_file(content: bytes) -> str:
    """A ZIP that is no .keras file, by the names in it."""
    listed = zip_names(content)
    if listed is None:
        return _("it is a ZIP that is damaged or cut off")
    paths = [PurePosixPath(name) for name in listed if not name.startswith("__MACOSX/")]
    names = {path.name for path in paths}
    if "saved_model.pb" in names:
        return _("it is a ZIP of a SavedModel, a folder of TensorFlow's; {advice}").format(advice=saved_model_advice())
    if "constants.pkl" in names and any("code" in path.parts for path in paths):
        return _("it is a TorchScript file of PyTorch; {advice}").format(advice=torch_advice())
    if "data.pkl" in names:
        return torch()
    if names >= ARCHIVE:
        return _(
            "it is a ZIP of an unpacked .keras file; put its files into a ZIP without the folder, and call it .keras"
        )
    if inner := [str(path) for path in paths if path.suffix.lower() in NETWORKS]:
        return _(
            "it is a ZIP, with {names} in it: unpack it and give that file; a list of labels beside it goes with "
            "--classes"
        ).format(names=", ".join(inner[:3])[:120])
    if any(is_picture(path.name) for path in paths):
        return _("it is a ZIP of pictures; a network's file is taken here")
    if names and all(path.suffix == ".npy" for path in paths):
        return arrays()
    return _("it is a ZIP in which no network's file is found")


def keras_advice() -> str:
    return _("load it where it was made, and save it with model.save('network.keras')")


def saved_model() -> str:
    return _("it is a SavedModel, a folder of TensorFlow's; {advice}").format(advice=saved_model_advice())


def saved_model_advice() -> str:
    return _(
        "load it with the TensorFlow that saved it, model = tf.keras.models.load_model('FOLDER'), and save it with "
        "model.save('network.h5'); without Keras in it, tf.lite.TFLiteConverter.from_saved_model('FOLDER') makes a "
        ".tflite of it"
    )


def torch_advice() -> str:
    return _(
        "convert it in Python with litert-torch: litert_torch.convert(model.eval(), (a_batch,)).export("
        "'network.tflite'), for pictures in the order (n, height, width, 3)"
    )


def torch() -> str:
    return _("it is a PyTorch file, which holds code and no network that Keras knows; {advice}").format(
        advice=torch_advice()
    )


def onnx() -> str:
    return _("it is an ONNX file; convert it with onnx2tf, which makes a .tflite of it, or save the network from Keras")


def checkpoint() -> str:
    return _(
        "it is a checkpoint of TensorFlow, weights alone without the network: build the network in Python as it was, "
        "give it these with model.load_weights(...), and save all of it with model.save('network.keras')"
    )


def weights_only(kind: str) -> Callable[[], str]:
    return lambda: _(
        "it is a {kind} file, weights alone without the network: load them where the network's code is, and save or "
        "convert it there to .keras, .h5 or .tflite"
    ).format(kind=kind)


def frozen() -> str:
    return _(
        "it is a graph of TensorFlow's (.pb); tf.compat.v1.lite.TFLiteConverter.from_frozen_graph makes a .tflite of "
        "it; a saved_model.pb belongs to the folder that it lies in"
    )


def pickled() -> str:
    return _(
        "it is a Python pickle, which runs code when it is opened, so it is not; save the network itself with "
        "model.save('network.keras')"
    )


def core_ml() -> str:
    return _("it is a network of Core ML, for Apple's devices; save it from where it was made as .keras or .tflite")


def description() -> str:
    return _(
        "it is the description of a network without its weights (model.to_json()); save all of it with "
        "model.save('network.keras')"
    )


def in_browser() -> str:
    return _("it is a network of TensorFlow.js; {advice}").format(advice=keras_advice())


def arrays() -> str:
    return _(
        "it is a file of NumPy arrays, without a network; save the network itself with model.save('network.keras')"
    )


def pointer() -> str:
    return _("it is a pointer of Git LFS and not the file itself; `git lfs pull` fetches that")


def web_page() -> str:
    return _("it is a web page, as comes in place of a file that has to be downloaded otherwise")


def packed() -> str:
    return _("it is a packed archive; unpack it and give the network's file in it")


def picture() -> str:
    return _("it is a picture; a network's file is taken here")


def starts(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(beginnings)


def is_safetensors(content: bytes) -> bool:
    """Eight bytes that say how long the JSON after them is."""
    return content[8:10] == b'{"' and 2 <= int.from_bytes(content[:8], "little") <= len(content)


def is_onnx(content: bytes) -> bool:
    """A protocol buffer that begins with a small version number and the name of the program that made it."""
    makers = (b"pytorch", b"tf2onnx", b"keras2onnx", b"onnx", b"skl2onnx", b"backend-test")
    return content[:1] == b"\x08" and any(maker in content[2:40] for maker in makers)


def is_checkpoint(content: bytes) -> bool:
    """The end of the table in a checkpoint's .index file."""
    return content[-8:] == b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


BY_CONTENT: tuple[tuple[Callable[[bytes], bool], Callable[[], str]], ...] = (
    (lambda content: content[:1] == b"\x80" and TORCH_MAGIC in content[:32], torch),
    (starts(b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), pickled),
    (is_safetensors, weights_only("safetensors")),
    (is_checkpoint, checkpoint),
    (is_onnx, onnx),
    (starts(b"GGUF"), weights_only("GGUF")),
    (starts(b"\x93NUMPY"), arrays),
    (starts(b"version https://git-lfs"), pointer),
    (lambda content: content[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")), web_page),
    (starts(b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ", b"BZh"), packed),
    (starts(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM"), picture),
    (lambda content: content[:1] == b"{" and b'"modelTopology"' in content[:100_000], in_browser),
    (lambda content: content[:1] == b"{" and b'"class_name"' in content[:100_000], description),
)
BY_SUFFIX: dict[str, Callable[[], str]] = {
    ".pt": torch,
    ".pth": torch,
    ".pt2": torch,
    ".onnx": onnx,
    ".safetensors": weights_only("safetensors"),
    ".msgpack": weights_only("msgpack"),
    ".ckpt": checkpoint,
    ".index": checkpoint,
    ".meta": checkpoint,
    ".pb": frozen,
    ".pbtxt": frozen,
    ".pkl": pickled,
    ".pickle": pickled,
    ".joblib": pickled,
    ".mlmodel": core_ml,
    ".npz": arrays,
    ".tar": packed,
}
