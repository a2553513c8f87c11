from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.datasets import image_folder, test_set
from model.datasets.splits import DataError
from model.datasets.test_set import flattery_note, folder_fingerprint, match_labels, read_test_set
from model.signature.shapes import InputShape
from tests.drawn import SHAPES, draw_cifar10, draw_folder, draw_images


def test_cifar10_is_its_test_batch_and_no_other_is_read(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path, 4, tests=7)
    (folder / "data_batch_1").unlink()
    found = read_test_set("mine", tmp_path, 32)
    assert (found.name, len(found), found.paths) == ("mine", 7, ())
    np.testing.assert_array_equal(found.split.images, draw_images(7, 32, 5))
    assert [found.truth(place) for place in (0, 1)] == ["airplane", "automobile"]


def test_a_picture_of_cifar10_comes_as_a_lossless_file(tmp_path: Path) -> None:
    draw_cifar10(tmp_path, 4)
    found = read_test_set("cifar10", tmp_path, 32)
    name, content = found.file(2)
    assert name == "cifar10-2.png"
    (tmp_path / name).write_bytes(content)
    with Image.open(tmp_path / name) as picture:
        np.testing.assert_array_equal(np.asarray(picture), found.split.images[2])


def test_a_picture_of_a_folder_is_its_own_file(tmp_path: Path) -> None:
    draw_folder(tmp_path, 3, size=48)
    found = read_test_set("shapes", tmp_path, 16)
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
    found = read_test_set("shapes", tmp_path, 16)
    assert {path.parent.parent.name for path in found.paths} == {read}
    assert found.classes == SHAPES


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone is not there"):
        read_test_set("gone", tmp_path / "gone", 32)
    draw_cifar10(tmp_path, 2)
    with pytest.raises(DataError, match="CIFAR-10's pictures are 32 x 32, and this network takes 24 x 24"):
        read_test_set("cifar10", tmp_path, 24)


def test_the_pictures_come_in_the_shape_of_the_network(tmp_path: Path) -> None:
    draw_folder(tmp_path / "shapes", 2)
    found = read_test_set("shapes", tmp_path / "shapes", InputShape(8, 20, 1))
    assert found.split.images.shape == (6, 8, 20, 1)
    draw_cifar10(tmp_path / "cifar", 4)
    grey = read_test_set("cifar10", tmp_path / "cifar", InputShape(32, 32, 1)).split.images
    colour = read_test_set("cifar10", tmp_path / "cifar", 32).split.images
    assert grey.shape == (4, 32, 32, 1)
    larger = read_test_set("cifar10", tmp_path / "cifar", 64)
    assert larger.split.images.shape == (4, 64, 64, 3)
    assert larger.key == read_test_set("cifar10", tmp_path / "cifar", 32).key
    np.testing.assert_array_equal(Image.open(io.BytesIO(larger.file(1)[1])), colour[1])  # its file is the tile
    assert np.abs(grey[..., 0] - colour @ np.array([0.299, 0.587, 0.114])).max() < 1
    with pytest.raises(DataError, match="and this network takes 8 x 20"):
        read_test_set("cifar10", tmp_path / "cifar", InputShape(8, 20))


def test_more_than_memory_holds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_folder(tmp_path, 3)
    monkeypatch.setattr(image_folder, "MAX_BYTES", 16 * 16 * 3 * 5)
    with pytest.raises(DataError, match="holds 9 pictures; at 16 x 16 pixels, 5 fit into memory"):
        read_test_set("shapes", tmp_path, 16)


def test_a_set_without_pictures_is_refused(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path, 1)
    content = {b"data": np.zeros((0, 3072), np.uint8), b"labels": []}
    (folder / "test_batch").write_bytes(pickle.dumps(content, protocol=4))
    with pytest.raises(DataError, match="holds no test picture"):
        read_test_set("cifar10", tmp_path, 32)


def test_it_is_known_whether_the_pictures_were_held_out(tmp_path: Path) -> None:
    draw_folder(tmp_path / "train", 2)
    assert "was trained on most of these" in flattery_note("mine", tmp_path)
    assert "was trained on most of these" in flattery_note("mine", tmp_path / "train")
    draw_folder(tmp_path / "val", 1)
    assert "These are the validation pictures of mine" in flattery_note("mine", tmp_path)
    draw_folder(tmp_path / "test", 1)
    assert flattery_note("mine", tmp_path) == ""


def test_a_class_that_training_lacks_is_not_left_out_in_silence(tmp_path: Path) -> None:
    draw_folder(tmp_path / "train", 2)
    draw_folder(tmp_path / "test", 2)
    (tmp_path / "test" / "circle").rename(tmp_path / "test" / "oval")
    with pytest.raises(DataError, match=r"oval is a class that .*train does not have; its classes: circle, square"):
        read_test_set("shapes", tmp_path, 16)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    draw_folder(tmp_path, 2)
    (tmp_path / "stripes").rename(tmp_path / "train")
    found = read_test_set("things", tmp_path, 16)
    assert (found.classes, len(found)) == (("circle", "square", "train"), 6)
    assert flattery_note("mine", tmp_path)


def test_a_file_whose_name_is_not_utf8_comes_under_one_that_can_be_shown(tmp_path: Path) -> None:
    draw_folder(tmp_path, 1)
    (tmp_path / "circle" / "000.png").rename(tmp_path / "circle" / os.fsdecode(b"caf\xe9.png"))
    name, content = read_test_set("shapes", tmp_path, 16).file(0)
    assert name == "caf?.png" and content.startswith(b"\x89PNG")
    (tmp_path / "square").rename(tmp_path / os.fsdecode(b"caf\xe9"))
    with pytest.raises(DataError, match="is not named in UTF-8") as caught:
        read_test_set("shapes", tmp_path, 16)
    assert str(caught.value).encode("utf-8")


def test_the_stamp_changes_with_the_pictures(tmp_path: Path) -> None:
    draw_folder(tmp_path / "test", 2)
    draw_folder(tmp_path / "train", 2)
    first = tmp_path / "test" / "circle" / "000.png"
    before = folder_fingerprint(tmp_path)
    assert folder_fingerprint(tmp_path) == before
    first.rename(first.with_name("new.png"))
    assert folder_fingerprint(tmp_path) != before
    first.with_name("new.png").rename(first)
    assert folder_fingerprint(tmp_path) == before
    draw_folder(first.parent / "below", 1)  # its pictures are the class's as well
    assert folder_fingerprint(tmp_path) != before
    before = folder_fingerprint(tmp_path)
    (first.parent / "below" / "square" / "000.png").unlink()
    assert folder_fingerprint(tmp_path) != before
    before = folder_fingerprint(tmp_path)
    (tmp_path / "test" / "none").mkdir()
    assert folder_fingerprint(tmp_path) != before
    assert folder_fingerprint(tmp_path / "gone") == ()


def test_the_stamp_changes_with_a_picture_that_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_set, "_RESCAN_FACTOR", 0)
    folder, other = draw_folder(tmp_path / "shapes", 2), tmp_path / "other.png"
    picture = folder / "circle" / "000.png"
    other.write_bytes(picture.read_bytes())
    before = folder_fingerprint(folder)
    assert folder_fingerprint(folder) == before
    picture.write_bytes(picture.read_bytes() + b"more")
    assert folder_fingerprint(folder) != before
    picture.unlink()
    picture.symlink_to(other)
    before = folder_fingerprint(folder)
    other.write_bytes(other.read_bytes() + b"more")
    assert folder_fingerprint(folder) != before
    other.unlink()
    assert folder_fingerprint(folder) != before


def test_files_that_take_long_to_look_at_are_not_looked_at_at_every_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_folder(tmp_path, 2)
    monkeypatch.setattr(test_set, "_RESCAN_FACTOR", 1e9)
    before = folder_fingerprint(tmp_path)
    real = test_set._size_and_mtime
    monkeypatch.setattr(test_set, "_size_and_mtime", lambda path: pytest.fail("it was looked at just now"))
    assert folder_fingerprint(tmp_path) == before
    monkeypatch.setattr(test_set, "_size_and_mtime", real)
    (tmp_path / "circle" / "000.png").unlink()
    assert folder_fingerprint(tmp_path) != before


def test_labels_are_matched_by_name() -> None:
    labels = np.array([0, 1, 1, 0])
    assert match_labels(labels, ("dog", "Cat"), ("cat", "ship", "dog")).tolist() == [2, 0, 0, 2]
    known = ("A", "B", "a", "b")
    assert match_labels(np.arange(4), known, known).tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match="the network has no class 'frog'; its classes: cat, dog"):
        match_labels(labels, ("cat", "frog"), ("cat", "dog"))
