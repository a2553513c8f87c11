from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from model.common.errors import UnsafeModelError
from model.formats import keras_files
from model.formats.keras_files import check_hdf5, read_source
from model.i18n.translations import use_language
from tests.foreign import layer, sequential, weights, write_h5, write_keras, write_keras2


def refusal(path: Path) -> str:
    with pytest.raises(UnsafeModelError) as caught:
        read_source(path)
    return str(caught.value)


def test_honest_files_give_their_description(tmp_path: Path) -> None:
    assert read_source(write_keras(tmp_path / "a.keras")).description == sequential()
    write_keras2(tmp_path / "b.h5")
    assert read_source(tmp_path / "b.h5").description["class_name"] == "Sequential"


@pytest.mark.parametrize(
    "name", ["../../evil.py", "/etc/cron.d/evil", "assets/vocabulary.txt", "model.weights.npz", "x"]
)
def test_a_member_that_does_not_belong_is_refused(tmp_path: Path, name: str) -> None:
    path = write_keras(tmp_path / "a.keras", members={name: b"x"})
    assert f"it holds the file {name!r}" in refusal(path)


def test_two_members_of_a_name_are_refused(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "a.keras")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", b"{}")
    assert "once each" in refusal(path)


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    bomb = {"model.weights.h5": bytes(64 * 2**20)}
    path = write_keras(tmp_path / "a.keras", members=bomb, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    assert "it would unpack from 0.1 MB to 64 MB" in refusal(path)
    with use_language("pt"):
        assert "ele passaria de 0,1 MB para 64 MB" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x03\x04" + bytes(500)])
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.keras").write_bytes(content)
    assert refusal(tmp_path / "a.keras") == "it is damaged, or no .keras file at all"


def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "a.keras")
    path.write_bytes(path.read_bytes()[:-200])
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'"Sequential"'])
def test_a_description_that_is_none_is_refused(tmp_path: Path, text: bytes) -> None:
    path = write_keras(tmp_path / "a.keras", members={"config.json": text})
    assert refusal(path) in ("its description is no JSON", "it does not describe a Keras network")


def test_the_description_of_an_h5_file_is_held_against_the_same_lists(tmp_path: Path) -> None:
    trap = {"class_name": "Lambda", "config": {"name": "trap", "function": ["4wEAAA==", None, None]}}
    path = write_h5(tmp_path / "a.h5", {"class_name": "Sequential", "config": {"layers": [trap]}})
    assert "Lambda layer" in refusal(path)
    assert "'eval' of 'builtins'" in refusal(write_h5(tmp_path / "b.h5", sequential(layer("eval", module="builtins"))))


def test_a_keras_file_of_keras_2_is_held_against_the_same_lists_in_the_words_of_keras_3(tmp_path: Path) -> None:
    old = {"metadata.json": b'{"keras_version": "2.15.0"}'}
    trap = layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "4wEAAA=="}})
    assert "Lambda layer" in refusal(write_keras(tmp_path / "a.keras", sequential(trap), old))
    assert "'eval' of 'builtins'" in refusal(
        write_keras(tmp_path / "b.keras", sequential(layer("eval", module="builtins")), old)
    )
    policy = {"module": "keras.mixed_precision", "class_name": "Policy", "config": {"name": "mixed_float16"}}
    path = write_keras(tmp_path / "c.keras", sequential(layer("ReLU", dtype=policy)), old)
    assert read_source(path).description["config"]["layers"][1]["config"]["dtype"] == "mixed_float16"


def test_weights_alone_are_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(weights())
    assert refusal(tmp_path / "a.h5").startswith("it holds weights alone, without the network: build the network in Py")
    assert "network.save('network.keras')" in refusal(tmp_path / "a.h5")


@pytest.mark.parametrize(("layers", "name"), [(["fc1", "block5_conv3"], "VGG16"), (["conv5_block16_concat"], "DenseN")])
def test_weights_alone_name_the_network_that_they_look_like(tmp_path: Path, layers: list[str], name: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["layer_names"] = np.array([layer.encode() for layer in layers], "S64")
    assert f"it holds weights alone, without the network, which looks like Keras's {name}" in refusal(tmp_path / "a.h5")


def link_outside(file: h5py.File) -> None:
    file["stolen"] = h5py.ExternalLink("/etc/passwd", "/")


def link_inside(file: h5py.File) -> None:
    file["link"] = h5py.SoftLink("/layers")


def loop(file: h5py.File) -> None:
    file["layers/loop"] = file["layers"]


def data_outside(file: h5py.File) -> None:
    file.create_dataset("stolen", (16,), "u1", external=[("/etc/passwd", 0, 16)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    file.create_virtual_dataset("stolen", layout)


def huge(file: h5py.File) -> None:
    file.create_dataset("huge", (200_000, 200_000), "f4", chunks=(100, 100))


def packed(file: h5py.File) -> None:
    file.create_dataset("zeros", data=np.zeros(30_000_000, "u1"), compression="gzip")


def objects(file: h5py.File) -> None:
    file.create_dataset("words", data=["a", "b"], dtype=h5py.string_dtype())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (link_outside, "'stolen', to data elsewhere"),
        (link_inside, "'link', to data elsewhere"),
        (loop, "'loop' twice"),
        (data_outside, "'stolen' lie in another file"),
        (virtual, "'stolen' lie in another file"),
        (huge, "would unpack from 0.0 MB to 152,588 MB"),
        (packed, "would unpack from"),
        (objects, "'words' are no numbers"),
    ],
)
def test_hostile_weights_are_refused(tmp_path: Path, change: Callable[[h5py.File], None], words: str) -> None:
    buffer = io.BytesIO(weights())
    with h5py.File(buffer, "r+") as file:
        change(file)
    assert words in refusal(write_keras(tmp_path / "a.keras", members={"model.weights.h5": buffer.getvalue()}))


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    content = weights()
    for damaged in (content[:300], b"no HDF5", content[:100] + bytes(len(content) - 100)):
        with pytest.raises(UnsafeModelError, match="damaged"):
            check_hdf5(io.BytesIO(damaged), len(damaged))


def test_a_zip_of_very_many_files_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_keras(tmp_path / "network.keras")
    monkeypatch.setattr(keras_files, "MAX_ZIP_NAMES", 2)
    with pytest.raises(UnsafeModelError, match="a ZIP of more than 2 files"):
        read_source(path)
