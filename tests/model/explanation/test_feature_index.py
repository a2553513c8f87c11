from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from model.datasets import image_folder
from model.datasets.splits import DataError
from model.explanation.feature_index import build_index, cached_index
from tests.drawn import SHAPES, draw_folder


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def brightness(images: np.ndarray) -> np.ndarray:
    """Features: the mean of each colour."""
    return images.mean(axis=(1, 2), dtype=np.float32)


def refuse(images: np.ndarray) -> np.ndarray:
    raise AssertionError("it is kept")


def test_features_are_worked_out_once_and_come_with_their_pictures(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "shapes", 5, 16)
    told: list[tuple[int, int]] = []
    assert cached_index("net", source, 16) is None
    made = build_index("net", brightness, source, 16, lambda done, total: told.append((done, total)))
    again = build_index("net", refuse, source, 16, lambda done, total: None)
    assert told[-1] == (15, 15)
    assert made.classes == again.classes == tuple(sorted(SHAPES))
    assert len(again) == 15
    for name in ("images", "labels", "rows"):
        np.testing.assert_array_equal(getattr(made, name), getattr(again, name))
    np.testing.assert_allclose(np.linalg.norm(again.rows.astype(float), axis=1), 1.0, atol=2e-3)


def test_another_network_another_size_and_other_pictures_are_worked_out_anew(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / "shapes", 2, 16)
    build_index("net", brightness, source, 16, lambda done, total: None)
    assert cached_index("other", source, 16) is None
    assert cached_index("net", source, 8) is None
    next((source / SHAPES[0]).iterdir()).unlink()
    assert cached_index("net", source, 16) is None
    assert len(build_index("net", brightness, source, 16, lambda done, total: None)) == 5


def test_a_picture_written_anew_behind_a_link_is_worked_out_anew(tmp_path: Path) -> None:
    source, elsewhere = draw_folder(tmp_path / "shapes", 2, 16), tmp_path / "elsewhere"
    (source / "circle").rename(elsewhere)
    (source / "circle").symlink_to(elsewhere)
    single = source / "square" / "000.png"
    single.rename(tmp_path / "single.png")
    single.symlink_to(tmp_path / "single.png")
    (source / "square" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    for path in (elsewhere / "000.png", tmp_path / "single.png"):
        build_index("net", brightness, source, 16, lambda done, total: None)
        assert cached_index("net", source, 16) is not None
        path.write_bytes(path.read_bytes() + b"more")
        assert cached_index("net", source, 16) is None


def age(folder: Path, days: float) -> None:
    moment = time.time() - days * 24 * 3600
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (moment, moment))


def test_what_nobody_asked_for_in_a_month_goes(tmp_path: Path, own_home: Path) -> None:
    source, other = draw_folder(tmp_path / "shapes", 2, 16), draw_folder(tmp_path / "other", 2, 16)
    for network in ("net", "gone"):
        build_index(network, brightness, source, 16, lambda done, total: None)
    build_index("net", brightness, other, 16, lambda done, total: None)
    age(own_home / "neighbors", 31)
    assert cached_index("net", source, 16) is not None
    new = draw_folder(tmp_path / "new", 2, 16)
    build_index("net", brightness, new, 16, lambda done, total: None)
    assert cached_index("gone", source, 16) is None and cached_index("net", other, 16) is None
    assert cached_index("net", source, 16) is not None and cached_index("net", new, 16) is not None
    assert len(list((own_home / "neighbors").iterdir())) == 2
    age(own_home / "neighbors", 29)
    build_index("gone", brightness, source, 16, lambda done, total: None)
    assert cached_index("net", new, 16) is not None


def test_a_cut_off_file_is_no_index(tmp_path: Path, own_home: Path) -> None:
    source = draw_folder(tmp_path / "shapes", 2, 16)
    build_index("net", brightness, source, 16, lambda done, total: None)
    for name in ("net.npy", "images.npy", "about.json"):
        (path,) = own_home.rglob(name)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert cached_index("net", source, 16) is None, name
        path.write_bytes(whole)
    assert cached_index("net", source, 16) is not None


def test_of_a_data_folder_that_changes_the_newest_index_is_kept(tmp_path: Path, own_home: Path) -> None:
    source, other = draw_folder(tmp_path / "shapes", 2, 16), draw_folder(tmp_path / "other", 2, 16)
    for folder, size in ((source, 16), (source, 8), (other, 16)):
        build_index("net", brightness, folder, size, lambda done, total: None)
    next((source / SHAPES[0]).iterdir()).unlink()
    build_index("net", brightness, source, 16, lambda done, total: None)
    assert len(list((own_home / "neighbors").iterdir())) == 3
    for folder, size in ((source, 16), (other, 16)):
        assert cached_index("net", folder, size) is not None


def test_more_pictures_than_memory_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = draw_folder(tmp_path / "shapes" / "train", 2, 16).parent
    draw_folder(source / "test", 2, 16)
    monkeypatch.setattr(image_folder, "MAX_BYTES", 16 * 16 * 3 * 6)
    assert len(build_index("net", brightness, source, 16, lambda done, total: None)) == 6
    monkeypatch.setattr(image_folder, "MAX_BYTES", 16 * 16 * 3 * 6 - 1)
    monkeypatch.setattr(image_folder, "read_picture", lambda *_: pytest.fail("it is too much"))
    with pytest.raises(DataError, match="train holds 6 pictures; at 16 x 16 pixels, 5 fit into memory"):
        build_index("other", brightness, source, 16, lambda done, total: None)


def test_files_whose_names_are_not_utf8_are_taken(tmp_path: Path) -> None:
    source = draw_folder(tmp_path / os.fsdecode(b"caf\xe9"), 1, 16)
    (source / "circle" / "000.png").rename(source / "circle" / os.fsdecode(b"caf\xe9.png"))
    assert len(build_index("net", brightness, source, 16, lambda done, total: None)) == 3
    assert cached_index("net", source, 16) is not None


def test_a_folder_that_holds_no_data_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        build_index("net", brightness, tmp_path / "nowhere", 16, lambda done, total: None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="needs one a class"):
        build_index("net", brightness, tmp_path / "empty", 16, lambda done, total: None)
