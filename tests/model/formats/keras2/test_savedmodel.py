"""SavedModels that Keras 2 wrote, taken as a description and numbers; and others, which are not taken."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from dashboard.presenters import model_text
from model.cli.models import app
from model.common.errors import StoreError, UnsafeModelError
from model.formats import keras_files
from model.formats.keras2.savedmodel import (
    DATA,
    INDEX,
    METADATA,
    PARTS,
    Parts,
    convert_to_h5,
    read_nodes,
    read_saved_model_folder,
    read_saved_model_zip,
    write_h5,
    write_layers,
    write_names,
)
from model.formats.keras2.tensorflow_checkpoint import Checkpoint
from model.inference.classifier import read_network
from model.intake import add_model
from model.intake.add_model import ModelOptions, add_file
from model.intake.inspection import inspect_here
from model.registry import store

FILES = Path(__file__).parents[3] / "files" / "keras2"
SAVED = sorted(FILES.glob("*.zip"))
ROOM = 2**20


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at in this process: TensorFlow need not be imported anew."""
    monkeypatch.setattr(add_model, "inspect", inspect_here)


def parts_of(name: str) -> Parts:
    parts = read_saved_model_zip((FILES / name).read_bytes())
    assert parts is not None
    return parts


def write_folder(folder: Path, parts: Parts) -> Path:
    (folder / "variables").mkdir(parents=True)
    for name, content in parts.items():
        (folder / name).write_bytes(content)
    return folder


def convert_here(folder: Path, parts: Parts) -> Path:
    target = write_folder(folder, parts) / "network.h5"
    write_h5(folder, target)
    return target


def zip_of(parts: Parts, top: str = "net/") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(top + name, content)
    return buffer.getvalue()


def node(json: bytes) -> bytes:
    """A keras_metadata.pb of one object, the whole network. json: 128 bytes to 16 KB of what it is."""

    def sized(content: bytes) -> bytes:
        return bytes([len(content) % 128 + 128, len(content) // 128]) + content

    return b"\x0a" + sized(b"\x2a" + sized(json.ljust(128)))


def refusal(path: Path) -> str:
    """The sentence for what is not stored; and it is not."""
    with pytest.raises(StoreError) as caught:
        add_file(path)
    assert store.list_models() == []
    return str(caught.value)


def test_saved_models_of_each_kind_are_there() -> None:
    """Networks in networks, some frozen; mixed precision; a layer that Keras lists no numbers of."""
    assert {path.stem for path in SAVED} == {"deep", "mixed", "normalised"}


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.name)
def test_a_saved_model_gives_its_answers(path: Path, tmp_path: Path) -> None:
    target = convert_here(tmp_path / "net", parts_of(path.name))
    known = np.load(path.with_suffix(".npz"))
    answers = np.asarray(read_network(target)(known["pictures"], training=False))
    spread = np.ptp(known["answers"])
    assert spread > 0.3
    assert np.allclose(answers, known["answers"], atol=1e-5 * spread, rtol=0)


def test_a_zip_goes_in_once_and_says_what_is_stored(tmp_path: Path, at_once: None) -> None:
    (tmp_path / "deep.zip").write_bytes((FILES / "deep.zip").read_bytes())
    added = add_file(tmp_path / "deep.zip", ModelOptions("mine", "cat,dog,frog", "none"))
    assert (added.model.title, added.model.suffix) == ("mine", ".h5")
    assert added.conversion.startswith("It was a SavedModel; stored is an .h5 file")
    assert added.conversion in model_text.added_text(added)
    assert hashlib.sha256(convert_to_h5(parts_of("deep.zip"))).hexdigest() == added.model.sha256
    again = add_file(write_folder(tmp_path / "again", parts_of("deep.zip")), ModelOptions("other"))
    assert (again.model.title, again.facts) == ("mine", None)


def test_the_command_line_takes_a_folder(tmp_path: Path, at_once: None) -> None:
    folder = write_folder(tmp_path / "mine", parts_of("mixed.zip"))
    result = CliRunner().invoke(app, ["add", str(folder), "--classes", "cat,dog", "--scaling", "none"])
    assert result.exit_code == 0, result.output
    assert "stored as mine: 2 classes" in result.output
    assert "It was a SavedModel" in result.output


def test_code_of_the_maker_is_refused(tmp_path: Path, at_once: None) -> None:
    parts = parts_of("normalised.zip")
    own = write_folder(tmp_path / "own", parts | {METADATA: node(b'{"class_name": "Net", "config": {}}')})
    assert "own is not stored: it is a SavedModel of its maker's own class 'Net'" in refusal(own)
    metadata = parts[METADATA].replace(b'"Flatten"', b'"Flotten"')
    assert metadata != parts[METADATA]
    layer = write_folder(tmp_path / "layer", parts | {METADATA: metadata})
    assert "it uses 'Flotten', which is not one of the Keras parts" in refusal(layer)


def test_a_network_s_class_is_a_name(tmp_path: Path) -> None:
    parts = parts_of("mixed.zip") | {METADATA: node(b'{"class_name": ["Model"], "config": {}}')}
    with pytest.raises(UnsafeModelError, match="its maker's own class"):
        convert_here(tmp_path / "net", parts)


def test_a_saved_model_without_keras_says_what_to_do(tmp_path: Path) -> None:
    """As model.export() of Keras 3 writes it."""
    folder = write_folder(tmp_path / "exported", parts_of("mixed.zip"))
    (folder / METADATA).unlink()
    (folder / "saved_model.pb").write_bytes(b"\x08\x01")
    assert "it is a SavedModel, a folder of TensorFlow's; load it with" in refusal(folder)
    content = zip_of({path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")})
    (tmp_path / "exported.zip").write_bytes(content)
    assert "it is a ZIP of a SavedModel, a folder of TensorFlow's; load it with" in refusal(tmp_path / "exported.zip")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "net/../../evil", "C:\\evil", "..\\evil", "C:evil"])
def test_a_zip_with_a_path_to_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of(parts_of("mixed.zip")))
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr(name, b"")
    assert "it holds a file for elsewhere" in refusal(tmp_path / "a.zip")


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("net/assets")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    (tmp_path / "a.zip").write_bytes(zip_of(parts_of("mixed.zip")))
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr(link, b"/etc")
    assert "it holds a link, 'net/assets'" in refusal(tmp_path / "a.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_file_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of(parts_of("mixed.zip")))
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr(f"net/{INDEX}", b"")
    assert "it holds a file twice" in refusal(tmp_path / "a.zip")


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(UnsafeModelError, match=r"it would unpack from 0\.\d MB to 64 MB"):
        read_saved_model_zip(zip_of(parts_of("mixed.zip") | {DATA: bytes(2**26)}))
    with pytest.raises(UnsafeModelError, match="its description has more than 16 MB"):
        read_saved_model_zip(zip_of(parts_of("mixed.zip") | {METADATA: bytes(2**24 + 1)}))


def test_a_folder_with_links_or_too_much_is_refused(tmp_path: Path) -> None:
    parts = parts_of("mixed.zip")
    for name in (*PARTS, "variables"):
        folder = write_folder(tmp_path / name.replace("/", "-"), parts)
        (folder / name).rename(tmp_path / "elsewhere")
        (folder / name).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UnsafeModelError, match="it holds a link"):
            read_saved_model_folder(folder, ROOM)
        os.replace(tmp_path / "elsewhere", tmp_path / f"was-{name.replace('/', '-')}")
    with pytest.raises(UnsafeModelError, match="it has more than 0 MB"):
        read_saved_model_folder(write_folder(tmp_path / "large", parts), 1000)


@pytest.mark.parametrize("name", [INDEX, DATA])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "net", parts_of("mixed.zip"))
    (folder / name).unlink()
    assert f"net is not stored: it is a SavedModel without its file {name}." == refusal(folder)
    with pytest.raises(UnsafeModelError, match="without its file"):
        read_saved_model_zip(zip_of({part: b"" for part in PARTS if part != name}))


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("cut", [lambda size: 0, lambda size: size // 2, lambda size: size - 1])
def test_what_is_cut_off_gets_a_sentence(tmp_path: Path, name: str, cut: Callable[[int], int]) -> None:
    parts = parts_of("normalised.zip")
    content = parts[name][: cut(len(parts[name]))]
    with pytest.raises(UnsafeModelError, match=r"its file .* is damaged or cut off|it is a SavedModel, a folder of"):
        convert_here(tmp_path / "net", parts | {name: content})


def test_damaged_bytes_do_no_harm(tmp_path: Path) -> None:
    """Whatever they claim: the result is no larger than what was given, or there is a sentence and no other error."""
    rng = np.random.default_rng(0)
    given = parts_of("mixed.zip")
    refused = 0
    for number in range(150):
        name = PARTS[number % 3]
        content = bytearray(given[name])
        for place in rng.integers(0, len(content), 8):
            content[place] = rng.integers(0, 256)
        try:
            target = convert_here(tmp_path / str(number), given | {name: bytes(content)})
            assert target.stat().st_size < 2**17
        except UnsafeModelError:
            refused += 1
    assert refused > 50


def test_a_small_file_makes_no_large_one(tmp_path: Path) -> None:
    """Layers may share their numbers, as often as they like."""
    parts = parts_of("mixed.zip")
    checkpoint = Checkpoint(parts[INDEX], parts[DATA])
    with (
        h5py.File(tmp_path / "a.h5", "w") as file,
        pytest.raises(ValueError, match="more numbers than the file has"),
    ):
        write_layers(file.create_group("a"), checkpoint, read_nodes(parts[METADATA]), 100)


def test_long_lists_of_names_come_in_pieces(tmp_path: Path) -> None:
    names = [f"{number:0200}" for number in range(700)]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        write_names(file, "layer_names", names)
        found = [text.decode() for number in range(3) for text in file.attrs[f"layer_names{number}"]]
    assert found == names


def test_a_zip_of_very_many_files_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    content = zip_of({**parts_of("mixed.zip"), **{f"assets/{number}": b"" for number in range(20)}})
    assert read_saved_model_zip(content)
    monkeypatch.setattr(keras_files, "MAX_ZIP_NAMES", 20)
    with pytest.raises(UnsafeModelError, match="a ZIP of more than 20 files, and no network has so many"):
        read_saved_model_zip(content)
