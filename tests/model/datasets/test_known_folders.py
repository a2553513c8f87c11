from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model.datasets.known_folders import FILE, add_folder, forget_folder, known_folders
from model.datasets.splits import DataError
from tests.drawn import draw_cifar10, draw_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("VITRINE_DATA", raising=False)
    return tmp_path / "home"


def test_nothing_is_known_at_first() -> None:
    assert known_folders() == {}


def test_folders_are_set_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar, shapes = draw_cifar10(tmp_path / "a", 2), draw_folder(tmp_path / "shapes", 2)
    monkeypatch.setenv(
        "VITRINE_DATA", f"{cifar.parent}{os.pathsep}{shapes}{os.pathsep}{tmp_path / 'gone'}{os.pathsep}~no-one"
    )
    assert known_folders() == {
        "cifar10": cifar.parent,
        "shapes": shapes,
        "gone": tmp_path / "gone",
        "~no-one": Path("~no-one"),
    }


def test_keras_copy_of_cifar10_is_found(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path / "keras" / "datasets" / "cifar-10-batches-py-target", 2)
    assert known_folders() == {"cifar10": folder}


def test_a_folder_is_added_named_and_forgotten(tmp_path: Path) -> None:
    one, two = draw_folder(tmp_path / "one" / "shapes", 1), draw_folder(tmp_path / "two" / "shapes", 1)
    assert add_folder(f"  {one} ") == "shapes"
    assert add_folder(str(two)) == "shapes-2"
    assert add_folder(str(one)) == "shapes"
    assert known_folders() == {"shapes": one, "shapes-2": two}
    forget_folder("shapes")
    assert known_folders() == {"shapes": two}
    assert (one / "circle").is_dir()


@pytest.mark.parametrize("text", ["", "   ", "/nowhere/at/all", "a\0b", "~nobody-here/data", "x" * 5000])
def test_what_is_no_folder_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="is not a folder on this machine; data is a cifar-10-batches-py folder"):
        add_folder(text)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="sub-folders; it needs one a class"):
        add_folder(str(tmp_path))
    assert known_folders() == {}


def test_what_the_pages_can_read_is_taken_and_nothing_else(tmp_path: Path) -> None:
    draw_folder(tmp_path / "tests" / "test", 1)
    draw_folder(tmp_path / "tests" / "val", 1)
    assert add_folder(str(tmp_path / "tests")) == "tests"
    draw_folder(tmp_path / "other" / "train", 1)
    draw_folder(tmp_path / "other" / "test", 1, classes=("circle", "square"))
    (tmp_path / "other" / "test" / "oval").mkdir()
    with pytest.raises(DataError, match=r"oval is a class that .*train does not have"):
        add_folder(str(tmp_path / "other"))


def test_a_folder_whose_name_is_not_utf8_has_one_that_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    draw_folder(folder, 1)
    monkeypatch.setenv("VITRINE_DATA", str(folder))
    assert known_folders() == {"caf?": folder}


def test_only_what_was_added_can_be_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_DATA", str(draw_folder(tmp_path / "shapes", 1)))
    for name in ("shapes", "other"):
        with pytest.raises(DataError, match=f"'{name}' is not a folder that was added here"):
            forget_folder(name)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b'{"a": 1}', b"[1, null]", b"[" * 100_000])
def test_a_damaged_list_is_as_good_as_none(home: Path, content: bytes) -> None:
    home.mkdir()
    (home / FILE).write_bytes(content)
    assert known_folders() == {}


def test_folders_added_together_are_all_known(tmp_path: Path) -> None:
    folders = [draw_folder(tmp_path / f"set-{number}", 1) for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(lambda path: add_folder(str(path)), folders)) == sorted(path.name for path in folders)
    assert set(known_folders().values()) == set(folders)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda path: forget_folder(path.name), folders[:6]))
    assert set(known_folders().values()) == set(folders[6:])


def test_a_list_that_cannot_be_written_is_a_sentence(tmp_path: Path, home: Path) -> None:
    home.write_text("no folder")
    with pytest.raises(DataError, match=r"folders\.json cannot be written: "):
        add_folder(str(draw_folder(tmp_path / "shapes", 1)))
