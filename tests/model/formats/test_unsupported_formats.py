from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from model.common.errors import StoreError
from model.formats import unsupported_formats
from model.formats.unsupported_formats import describe_file, describe_folder
from model.intake.add_model import add_file, suffix_of
from tests.foreign import sequential, write_h5, write_keras
from tests.hostile import png_header


def zip_of(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def numpy_archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(2))
    return buffer.getvalue()


UNPACKED = {"net/config.json": b"{}", "net/metadata.json": b"{}", "net/model.weights.h5": b""}
TORCH = zip_of(**{"archive/data.pkl": b"\x80\x02}q\x00.", "archive/version": b"3\n"})
SCRIPT = zip_of(**{"n/data.pkl": b"", "n/constants.pkl": b"", "n/code/__torch__.py": b""})
# A file's name, its content, and what the sentence names: what it is, and what to do.
FOREIGN: list[tuple[str, bytes, str, str]] = [
    ("a.pth", TORCH, "a PyTorch file", "litert_torch.convert"),
    ("a.zip", TORCH, "a PyTorch file", "litert_torch.convert"),
    ("a.pt", SCRIPT, "a TorchScript file of PyTorch", "litert_torch.convert"),
    ("a.pt", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", "a PyTorch file", "litert_torch.convert"),
    ("a.pkl", pickle.dumps({"a": 1}), "a Python pickle, which runs code", "model.save('network.keras')"),
    ("a.onnx", b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "an ONNX file", "onnx2tf"),
    ("a.bin", b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "an ONNX file", "onnx2tf"),
    ("a.safetensors", b"\x10" + bytes(7) + b'{"__metadata__":{}}', "a safetensors file, weights alone", "convert it"),
    ("a.msgpack", b"\x81\xa6params\x80", "a msgpack file, weights alone", "convert it"),
    ("a.ckpt.index", bytes(40) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "a checkpoint of TensorFlow", "load_weights"),
    ("a.ckpt.data-00000-of-00001", bytes(40), "a checkpoint of TensorFlow", "load_weights"),
    ("saved_model.pb", b"\x08\x01\x12\x00", "a graph of TensorFlow's (.pb)", "belongs to the folder"),
    ("a.mlmodel", b"\x08\x04\x12\x00", "a network of Core ML", ".keras or .tflite"),
    ("a.json", json.dumps(sequential()).encode(), "the description of a network without its weights", "model.save("),
    ("model.json", b'{"modelTopology": {"class_name": "Model"}}', "TensorFlow.js", "model.save('network.keras')"),
    ("a.npz", numpy_archive(), "a file of NumPy arrays", "model.save('network.keras')"),
    ("a.npy", b"\x93NUMPY\x01\x00", "a file of NumPy arrays", "model.save('network.keras')"),
    ("a.zip", zip_of(**{"m/saved_model.pb": b"", "m/variables/": b""}), "a ZIP of a SavedModel", "network.h5"),
    ("a.zip", zip_of(**{"keras_model.h5": b"", "labels.txt": b""}), "keras_model.h5 in it", "--classes"),
    ("a.zip", zip_of(**{"cat.png": b"", "__MACOSX/x.h5": b""}), "a ZIP of pictures", "a network's file"),
    ("a.zip", zip_of(**{"cat.JFIF": b""}), "a ZIP of pictures", "a network's file"),
    ("a.zip", zip_of(**UNPACKED), "a ZIP of an unpacked .keras file", "without the folder"),
    ("a.zip", zip_of(**{"words.txt": b""}), "a ZIP in which no network's file is found", ""),
    ("a.keras", b"PK\x03\x04" + bytes(50), "a ZIP that is damaged or cut off", ""),
    ("a.tar.gz", b"\x1f\x8b\x08\x00", "a packed archive", "unpack it"),
    ("a.h5", b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS", "git lfs pull"),
    ("a.keras", b"<!DOCTYPE html><html>", "a web page", ""),
    ("a.h5", png_header(8, 8), "a picture", "a network's file"),
    ("a.xyz", b"nothing known", "its content is of no known kind", ".keras, .h5, .tflite files are taken"),
]


@pytest.mark.parametrize(("name", "content", "what", "advice"), FOREIGN, ids=[f"{row[0]}: {row[2]}" for row in FOREIGN])
def test_a_file_of_another_kind_is_named_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, what: str, advice: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        suffix_of(content, tmp_path / name)
    said = str(caught.value)
    assert said.startswith(f"{name} is not stored: it") and said.endswith(".")
    assert what in said
    assert advice in said


@pytest.mark.parametrize(
    ("members", "what"),
    [
        (["saved_model.pb", "keras_metadata.pb"], "it is a SavedModel"),
        (["config.json", "metadata.json", "model.weights.h5"], "it is an unpacked .keras file"),
        (["model.json", "group1-shard1of1.bin"], "it is a folder of TensorFlow.js"),
        (["checkpoint", "cp.ckpt.index"], "it is a checkpoint of TensorFlow"),
        (["b.keras", "notes.txt"], "it is a folder; give the file in it: b.keras"),
        (["a.jpg"], "it is a folder of pictures"),
        (["a.hif"], "it is a folder of pictures"),
        ([], "it is a folder; a network's file is taken here"),
    ],
)
def test_a_folder_is_named_with_what_to_do(tmp_path: Path, members: list[str], what: str) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    for name in members:
        (folder / name).write_bytes(b"")
    assert describe_folder(folder).startswith(what)
    with pytest.raises(StoreError, match="saved is not stored: it is a"):
        add_file(folder)


def test_nothing_in_a_zip_is_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(2**26))
    assert "PyTorch" in str(describe_file(bomb.getvalue(), Path("a.pth")))


def test_a_file_may_have_the_name_that_old_programs_gave_it(tmp_path: Path) -> None:
    """Up to TensorFlow 2.12, network.save("a.keras") wrote HDF5; and a browser may call a .keras file a ZIP."""
    hdf5 = write_h5(tmp_path / "a.h5", sequential()).read_bytes()
    archive = write_keras(tmp_path / "a.keras").read_bytes()
    assert suffix_of(hdf5, Path("a.keras")) == suffix_of(hdf5, Path("a.HDF5")) == suffix_of(hdf5, Path("a")) == ".h5"
    assert suffix_of(archive, Path("a.zip")) == suffix_of(archive, Path("a.keras")) == ".keras"
    with pytest.raises(StoreError, match=r"its content is that of a .keras file, and its name says .tflite\."):
        suffix_of(archive, Path("a.tflite"))


def test_a_zip_of_very_many_files_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    content = zip_of(**UNPACKED)
    assert "an unpacked .keras file" in str(describe_file(content, Path("a.zip")))
    monkeypatch.setattr(unsupported_formats, "MAX_ZIP_NAMES", 2)
    assert describe_file(content, Path("a.zip")) == "it is a ZIP in which no network's file is found"
