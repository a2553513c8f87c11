from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from model.datasets.cifar10 import CIFAR10_CLASSES
from model.datasets.loader import load_dataset, load_test, load_train
from model.datasets.resized import own_images
from model.datasets.splits import BrokenPicture, DataError, absent_classes_note, left_out_note, require_readable
from model.images.decoder import to_array
from tests.drawn import SHAPES, draw_cifar10, draw_folder, draw_images, planes, write_pickle


def rewrite(path: Path, **changes: Any) -> None:
    """Write a batch of two pictures with some entries changed."""
    content = {"data": planes(draw_images(2)), "labels": [3, 9]} | changes
    write_pickle(path, {key.encode(): value for key, value in content.items()})


def test_cifar10_planes_become_pixels(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path, 4)
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[0, 5, 7] = (10, 20, 30)  # row 5, column 7
    rewrite(folder / "test_batch", data=planes(images))
    dataset = load_dataset(folder, validation=0.0)
    assert (dataset.name, dataset.classes) == ("cifar10", CIFAR10_CLASSES)
    assert dataset.test.images[0, 5, 7].tolist() == [10, 20, 30]
    assert dataset.test.images[0].sum() == 60
    assert dataset.test.labels.tolist() == [3, 9]
    assert np.array_equal(dataset.train.images[4:8], draw_images(4, 32, 1))  # data_batch_2 follows data_batch_1
    assert dataset.train.labels.tolist() == [0, 1, 2, 3] * 5


def test_the_parent_folder_is_taken(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path, 4)
    assert np.array_equal(load_dataset(tmp_path).train.images, load_dataset(folder).train.images)


def test_string_keys_are_taken(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path, 4)
    write_pickle(folder / "test_batch", {"data": planes(draw_images(3)), "labels": [0, 1, 2]})
    assert len(load_dataset(folder).test) == 3


def test_cifar10_validation_is_drawn_by_class(tmp_path: Path) -> None:
    dataset = load_dataset(draw_cifar10(tmp_path, 20), validation=0.1)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (90, 10, 20)
    assert sorted(dataset.validation.labels.tolist()) == list(range(10))


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path, 4)
    (folder / "data_batch_3").unlink()
    with pytest.raises(
        DataError, match=r"data_batch_3 is missing; the folder of CIFAR-10 holds data_batch_1 to data_batch_5"
    ):
        load_dataset(tmp_path)


class Trap:
    """Pickles into a call that leaves a marker."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    folder, marker = draw_cifar10(tmp_path, 4), tmp_path / "marker"
    write_pickle(folder / "data_batch_2", {b"data": Trap(marker)})
    with pytest.raises(
        DataError, match=r"data_batch_2 is not an official CIFAR-10 file: it wants to run posix\.system"
    ):
        load_dataset(folder)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": np.zeros((2, 3071), np.uint8)}, "'data' is not a uint8 array of 3,072 numbers a picture"),
        ({"data": np.zeros((2, 3072), np.float64)}, "'data' is not"),
        ({"data": [1, 2]}, "'data' is not"),
        ({"labels": [1]}, "'labels' is not a list of 2 numbers of 0 to 9"),
        ({"labels": [1, 10]}, "'labels' is not"),
        ({"labels": [1, -1]}, "'labels' is not"),
        ({"labels": ["cat", "dog"]}, "'labels' is not"),
        ({"labels": None}, "'labels' is not"),
    ],
)
def test_a_batch_of_another_shape_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    folder = draw_cifar10(tmp_path, 4)
    rewrite(folder / "data_batch_4", **changes)
    with pytest.raises(DataError, match=f"data_batch_4: {words}"):
        load_dataset(folder)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02]q\x00."])
def test_a_file_that_is_no_batch_is_named(tmp_path: Path, content: bytes) -> None:
    folder = draw_cifar10(tmp_path, 4)
    (folder / "test_batch").write_bytes(content)
    with pytest.raises(DataError, match="test_batch is not an official CIFAR-10 file"):
        load_dataset(folder)


def test_cifar10_is_not_made_smaller(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"CIFAR-10's pictures are 32 x 32, not 24 x 24; .*model\.input_size"):
        load_dataset(draw_cifar10(tmp_path, 4), 24)


def test_cifar10_is_enlarged_as_the_classifier_enlarges(tmp_path: Path) -> None:
    folder = draw_cifar10(tmp_path, 4)
    small, large = load_dataset(folder, validation=0.25), load_dataset(folder, 48, validation=0.25)
    for own, enlarged in ((small.train, large.train), (small.validation, large.validation), (small.test, large.test)):
        np.testing.assert_array_equal(own_images(enlarged.images), own.images)
        assert enlarged.images.shape == (len(own), 48, 48, 3)
        np.testing.assert_array_equal(enlarged.images[-1], to_array(Image.fromarray(own.images[-1]), 48))


def test_a_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline() -> None:
        raise Exception("URL fetch failure: no route")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", offline)
    with pytest.raises(
        DataError, match=r"could not be downloaded \(URL fetch failure: no route\); check the network, or give a folder"
    ):
        load_dataset(None)


def test_a_download_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    part = (draw_images(20), np.arange(20, dtype=np.uint8)[:, None] % 10)
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: (part, part))
    dataset = load_dataset(None, validation=0.5)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (10, 10, 20)
    assert dataset.test.labels.tolist() == [*range(10)] * 2


def test_a_flat_folder_is_split_by_class_and_seed(tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "shapes", 20, 32)
    first, again = (load_dataset(root, 16, validation=0.1, test=0.2, seed=1) for _ in range(2))
    assert (first.name, first.classes) == ("shapes", SHAPES)
    for split, each in ((first.train, 14), (first.validation, 2), (first.test, 4)):
        assert np.bincount(split.labels).tolist() == [each] * 3
        assert split.images.shape == (3 * each, 16, 16, 3)
    assert np.array_equal(first.test.images, again.test.images)
    assert np.array_equal(first.train.images, again.train.images)
    assert not np.array_equal(first.test.images, load_dataset(root, 16, validation=0.1, test=0.2, seed=2).test.images)
    seen = [image.tobytes() for split in (first.train, first.validation, first.test) for image in split.images]
    assert len(set(seen)) == 60


def test_labels_follow_the_folders(tmp_path: Path) -> None:
    for name, level in (("dark", 10), ("light", 240)):
        (tmp_path / name / "more").mkdir(parents=True)
        for index in range(3):
            Image.new("RGB", (40, 30), (level,) * 3).save(tmp_path / name / "more" / f"{index}.PNG", format="PNG")
    (tmp_path / "dark" / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden").mkdir()
    dataset = load_dataset(tmp_path, 8, validation=0.0, test=0.0)
    assert dataset.classes == ("dark", "light")
    assert [int(image.mean()) for image in dataset.train.images] == [10] * 3 + [240] * 3
    assert dataset.train.labels.tolist() == [0] * 3 + [1] * 3


def test_splits_of_the_folder_are_kept(tmp_path: Path) -> None:
    for number, (name, each) in enumerate((("train", 6), ("val", 3), ("test", 2))):
        draw_folder(tmp_path / name, each, seed=number)
    dataset = load_dataset(tmp_path, 16, validation=0.5, test=0.5)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (18, 9, 6)


@pytest.mark.parametrize("names", [("Train", "Test"), ("Training", "Testing"), ("TRAIN", "TEST")])
def test_splits_may_be_named_in_capitals_and_as_verbs(names: tuple[str, str], tmp_path: Path) -> None:
    for number, (name, each) in enumerate(zip(names, (6, 2), strict=True)):
        draw_folder(tmp_path / name, each, seed=number)
    dataset = load_dataset(tmp_path, 16, validation=0.0)
    assert (dataset.classes, len(dataset.train), len(dataset.test)) == (SHAPES, 18, 6)
    assert len(load_test(tmp_path, 16)[2]) == 6


def test_a_split_that_is_missing_is_drawn_from_training(tmp_path: Path) -> None:
    draw_folder(tmp_path / "train", 10)
    draw_folder(tmp_path / "test", 2, seed=1)
    dataset = load_dataset(tmp_path, 16, validation=0.2, test=0.5)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (24, 6, 6)


def test_evaluation_takes_the_test_split_or_everything(tmp_path: Path) -> None:
    draw_folder(tmp_path / "split" / "train", 4)
    draw_folder(tmp_path / "split" / "test", 2, seed=1)
    draw_folder(tmp_path / "flat", 5)
    assert len(load_test(tmp_path / "split", 16)[2]) == 6
    assert len(load_test(tmp_path / "flat", 16)[2]) == 15
    draw_folder(tmp_path / "split" / "val", 1, seed=2)
    (tmp_path / "split" / "train").rename(tmp_path / "train")
    assert len(load_test(tmp_path / "split", 16)[2]) == 6
    (tmp_path / "split" / "test").rename(tmp_path / "test")
    assert len(load_test(tmp_path / "split", 16)[2]) == 3


def test_only_the_official_cifar10_has_a_first_thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    official = draw_cifar10(tmp_path, 20)
    assert load_dataset(official).test.first == load_test(official)[2].first == 1000
    part = (draw_images(20), np.arange(20, dtype=np.uint8)[:, None] % 10)
    monkeypatch.setattr(keras.datasets.cifar10, "load_data", lambda: (part, part))
    assert load_dataset(None).test.first == load_test(None)[2].first == 1000
    own = draw_folder(tmp_path / "cifar10", 10)
    assert load_dataset(own, 8).name == "cifar10"
    assert load_dataset(own, 8).test.first == load_test(own, 8)[2].first == 0


def test_a_folder_is_named_however_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_folder(tmp_path / "shapes", 2)
    for below, given in (("", "."), ("circle", ".."), ("circle", "../../shapes")):
        monkeypatch.chdir(tmp_path / "shapes" / below)
        names = [load_dataset(Path(given), 8).name, load_test(Path(given), 8)[0], load_train(Path(given), 8)[0]]
        assert names == ["shapes"] * 3


def test_an_empty_class_folder_is_named(tmp_path: Path) -> None:
    draw_folder(tmp_path, 2)
    (tmp_path / "triangle").mkdir()
    with pytest.raises(DataError, match="triangle holds no picture; a class folder needs at least one"):
        load_dataset(tmp_path)


def test_pictures_that_do_not_fit_into_memory_are_a_sentence(tmp_path: Path) -> None:
    draw_folder(tmp_path, 2)
    words = r"holds 6 pictures; at 4000000 x 4000000 pixels they take 288,000 GB, more than there is of memory"
    with pytest.raises(DataError, match=words):
        load_dataset(tmp_path, 4_000_000)


def test_broken_pictures_are_left_out_and_listed(tmp_path: Path) -> None:
    whole = load_dataset(draw_folder(tmp_path, 3), 16, validation=0.0, test=0.0)
    (tmp_path / "circle" / "001a.jpg").write_text("no picture at all")
    (tmp_path / "stripes" / "zz.PNG").touch()
    found = load_dataset(tmp_path, 16, validation=0.0, test=0.0)
    assert np.array_equal(found.train.images, whole.train.images)
    assert found.train.labels.tolist() == whole.train.labels.tolist()
    assert found.train.paths == whole.train.paths
    assert [one.path.name for one in found.broken] == ["001a.jpg", "zz.PNG"]
    said = left_out_note(found.broken, found.count)
    assert said.startswith(f"2 of 11 pictures cannot be read: {tmp_path}/circle/001a.jpg (This file is not an image")
    assert said.endswith("; left out")
    drawn = load_dataset(tmp_path, 16, validation=0.2, test=0.3)
    assert len(drawn.broken) == 2 and drawn.count == 9
    with pytest.raises(DataError, match="2 of 11 pictures cannot be read"):
        require_readable(found.broken, found.count)


def test_a_class_of_broken_pictures_alone_cannot_be_learnt(tmp_path: Path) -> None:
    draw_folder(tmp_path / "train", 2)
    draw_folder(tmp_path / "test", 1)
    (tmp_path / "test" / "circle" / "000.png").write_bytes(b"")
    assert load_dataset(tmp_path, 16, validation=0.0).test.labels.tolist() == [1, 2]
    for path in (tmp_path / "train" / "circle").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"circle holds no picture that can be read \(2 of 6 .*This file is empty"):
        load_dataset(tmp_path, 16)


def test_a_split_may_lack_classes_and_its_labels_stay_theirs(tmp_path: Path) -> None:
    draw_folder(tmp_path / "train", 2)
    draw_folder(tmp_path / "val", 1, classes=("stripes",))
    draw_folder(tmp_path / "test", 1, classes=("square", "stripes"))
    (tmp_path / "test" / "circle").mkdir()
    dataset = load_dataset(tmp_path, 16)
    assert dataset.classes == SHAPES
    assert (dataset.validation.labels.tolist(), dataset.test.labels.tolist()) == ([2], [1, 2])
    _name, classes, test = load_test(tmp_path, 16)
    assert classes == SHAPES and test.labels.tolist() == [1, 2]
    assert absent_classes_note(test.labels, classes) == "no picture is of circle: measured on the other 2 of 3 classes"
    assert absent_classes_note(dataset.train.labels, classes) == ""


def test_accents_in_any_form_are_one_class(tmp_path: Path) -> None:
    for split, form in (("train", "NFD"), ("val", "NFC"), ("test", "NFC")):
        for shape, name in (("circle", "pássaro"), ("square", "cão")):
            draw_folder(tmp_path / split, 2, classes=(shape,))
            (tmp_path / split / shape).rename(tmp_path / split / unicodedata.normalize(form, name))
    dataset = load_dataset(tmp_path, 16)
    assert dataset.classes == ("cão", "pássaro")
    for split in (dataset.train, dataset.validation, dataset.test):
        assert split.labels.tolist() == [0, 0, 1, 1]
    (tmp_path / "train" / "cão").mkdir()  # one class in both forms side by side
    (tmp_path / "train" / unicodedata.normalize("NFD", "cão") / "000.png").rename(tmp_path / "train" / "cão" / "x.png")
    assert load_dataset(tmp_path, 16).train.labels.tolist() == [0, 0, 1, 1]


def test_what_a_mac_and_windows_leave_is_no_class_and_no_picture(tmp_path: Path) -> None:
    draw_folder(tmp_path, 2)
    for folder in ("__MACOSX/circle", ".ipynb_checkpoints", "@eaDir", "circle/.cache", "square/__MACOSX"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "._000.png").write_bytes(b"fork")
        (tmp_path / folder / "copy.png").write_bytes((tmp_path / "circle" / "000.png").read_bytes())
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._000.png"):
        (tmp_path / "circle" / name).write_bytes(b"fork")
    picture = Image.open(tmp_path / "square" / "000.png")
    picture.save(tmp_path / "square" / "web.JFIF", format="JPEG")
    _name, classes, split = load_test(tmp_path, 16)
    assert classes == SHAPES and not split.broken
    assert split.labels.tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_a_class_that_training_lacks_is_named(tmp_path: Path) -> None:
    draw_folder(tmp_path / "train", 2)
    draw_folder(tmp_path / "test", 2)
    (tmp_path / "test" / "triangle").mkdir()
    with pytest.raises(
        DataError, match=r"triangle is a class that .*train does not have; its classes: circle, square, stripes"
    ):
        load_dataset(tmp_path)


def test_test_pictures_alone_are_no_classes_to_learn(tmp_path: Path) -> None:
    draw_folder(tmp_path / "val", 1)
    draw_folder(tmp_path / "test", 1)
    with pytest.raises(DataError, match="has val/, test/ but no train/; pictures to learn from lie there"):
        load_dataset(tmp_path, 16)


def test_classes_may_be_called_as_splits_are(tmp_path: Path) -> None:
    draw_folder(tmp_path, 2)
    (tmp_path / "circle").rename(tmp_path / "test")
    (tmp_path / "stripes").rename(tmp_path / "train")
    (tmp_path / "train" / ".cache").mkdir()
    dataset = load_dataset(tmp_path, 16, validation=0.0, test=0.0)
    assert (dataset.classes, len(dataset.train), len(dataset.test)) == (("square", "test", "train"), 6, 0)


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 0 sub-folders; it needs one a class, at least two"):
        load_dataset(tmp_path)
    with pytest.raises(DataError, match="nowhere is not a folder; data is a cifar-10-batches-py folder or"):
        load_dataset(tmp_path / "nowhere")


def test_what_a_file_is_called_is_not_obeyed_by_a_terminal() -> None:
    said = left_out_note([BrokenPicture(Path("a\nb\x1b[31m.png"), "This file is empty.")], 1)
    assert said == "1 of 2 pictures cannot be read: a?b?[31m.png (This file is empty); left out"
