from __future__ import annotations

import os
from pathlib import Path

import pytest

from model.images.image_files import is_picture, is_picture_path, picture_paths
from tests.locked_folder import lock


@pytest.mark.parametrize("name", ["a.JFIF", "b.jpe", "c.HEIC", "d.hif", "e.PnG", "f.tif", "g h.jpeg", "thumbs.png"])
def test_pictures_of_all_kinds_count(name: str) -> None:
    assert is_picture(name)
    assert is_picture_path(f"holiday/{name}")


@pytest.mark.parametrize(
    "name", ["._a.jpg", ".a.png", ".jpg", "Thumbs.db", "desktop.ini", ".DS_Store", "notes.txt", "a", "a.jpg.part", ""]
)
def test_what_is_no_picture_or_hidden_does_not_count(name: str) -> None:
    assert not is_picture(name)
    assert not is_picture_path(f"holiday/{name}")


@pytest.mark.parametrize("folder", ["__MACOSX", ".ipynb_checkpoints", "@eaDir", "$RECYCLE.BIN", ".git", "__macosx"])
def test_nothing_in_a_hidden_folder_counts_at_any_depth(tmp_path: Path, folder: str) -> None:
    for place in ("a", f"{folder}", f"a/b/{folder}", f"a/{folder}/b"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "x.jpg").write_bytes(b"x")
    assert picture_paths(tmp_path) == [tmp_path / "a" / "x.jpg"]
    assert not is_picture_path(f"holiday/a/{folder}/x.jpg")
    assert not is_picture_path(f"holiday\\{folder}\\x.jpg")


def test_a_folder_that_somebody_names_may_be_hidden(tmp_path: Path) -> None:
    (tmp_path / ".trip").mkdir()
    (tmp_path / ".trip" / "x.jpg").write_bytes(b"x")
    assert picture_paths(tmp_path / ".trip") == [tmp_path / ".trip" / "x.jpg"]
    assert is_picture_path(".trip/x.jpg")
    assert picture_paths(tmp_path) == []


def test_links_make_no_walk_endless_and_only_files_count(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.png").write_bytes(b"x")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "a.png").symlink_to(tmp_path / "b" / "x.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    assert picture_paths(tmp_path) == [tmp_path / "a.png", tmp_path / "b" / "x.png"]


def test_a_folder_that_cannot_be_listed_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    lock(tmp_path / "locked", monkeypatch)
    with pytest.raises(PermissionError):
        picture_paths(tmp_path)
