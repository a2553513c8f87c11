from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model import testset
from model.data import DataError
from model.testset import match_labels, read_testset, stamp
from tests.drawn import SHAPES, draw_cifar10, draw_folder, draw_images


def test_cifar10_is_its_test_batch_and_no_other_is_read(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path, 4, tests=7)
    (folder / "data_batch_1").unlink()
    found = read_testset("mine", tmp_path, 32)
    assert (found.name, len(found), found.paths) == ("mine", 7, ())
    np.testing.assert_array_equal(found.split.images, draw_images(7, 32, 5))
    assert [found.truth(place) for place in (0, 1)] == ["airplane", "automobile"]


def test_a_picture_of_cifar10_comes_as_a_lossless_file(tmp_path: Path) -> None:
    draw_cifar10(tmp_path, 4)
    found = read_testset("cifar10", tmp_path, 32)
    name, content = found.file(2)
    assert name == "cifar10-2.png"
    (tmp_path / name).write_bytes(content)
    with Image.open(tmp_path / name) as picture:
        np.testing.assert_array_equal(np.asarray(picture), found.split.images[2])


def test_a_picture_of_a_folder_is_its_own_file(tmp_path: Path) -> None:
    draw_folder(tmp_path, 3, size=48)
    found = read_testset("shapes", tmp_path, 16)
    assert found.split.images.shape == (9, 16, 16, 3)
    name, content = found.file(4)
    assert (name, found.truth(4)) == ("001.jpg", "square")
    assert content == (tmp_path / "square" / "001.jpg").read_bytes()
    (tmp_path / "square" / "001.jpg").unlink()
    with pytest.raises(DataError, match=r"001\.jpg cannot be read: No such file"):
        found.file(4)


@pytest.mark.parametrize(("folders", "read"), [(("train", "val", "test"), "test"), (("train", "val"), "val")])
def test_a_split_folder_is_its_held_out_part(tmp_path: Path, folders: tuple[str, ...], read: str) -> None:
    for number, name in enumerate(folders):
        draw_folder(tmp_path / name, 2 + number, seed=number)
    found = read_testset("shapes", tmp_path, 16)
    assert {path.parent.parent.name for path in found.paths} == {read}
    assert found.classes == SHAPES


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone is not there"):
        read_testset("gone", tmp_path / "gone", 32)
    draw_cifar10(tmp_path, 2)
    with pytest.raises(DataError, match="CIFAR-10's pictures are 32 x 32, and this network takes 64 x 64"):
        read_testset("cifar10", tmp_path, 64)


def test_more_than_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_folder(tmp_path, 3)
    monkeypatch.setattr(testset, "MAX_BYTES", 16 * 16 * 3 * 5)
    with pytest.raises(DataError, match="holds 9 test pictures; at 16 x 16 pixels, 5 fit into memory"):
        read_testset("shapes", tmp_path, 16)


def test_the_stamp_changes_with_the_pictures(tmp_path: Path) -> None:
    draw_folder(tmp_path / "test", 2)
    draw_folder(tmp_path / "train", 2)
    before = stamp(tmp_path)
    assert stamp(tmp_path) == before
    os.utime(tmp_path / "test" / "circle", ns=(1, 1))  # as when a file comes or goes
    assert stamp(tmp_path) != before
    assert stamp(tmp_path / "gone") == ()


def test_labels_are_matched_by_name() -> None:
    labels = np.array([0, 1, 1, 0])
    assert match_labels(labels, ("dog", "Cat"), ("cat", "ship", "dog")).tolist() == [2, 0, 0, 2]
    known = ("A", "B", "a", "b")
    assert match_labels(np.arange(4), known, known).tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match="the network has no class 'frog'; its classes: cat, dog"):
        match_labels(labels, ("cat", "frog"), ("cat", "dog"))
