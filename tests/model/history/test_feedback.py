from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from model.datasets.loader import load_dataset
from model.history import prediction_log
from model.history.feedback import folder_name, write_zip
from model.images.thumbnails import thumbnail
from model.inference.prediction import Prediction
from tests.drawn import encode, picture
from tests.kept_answers import judge

CLASSES = ("cat", "../dog", "Vögel & co")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    return tmp_path / "home"


def keep(number: int, truth: str | None, model: str = "mine") -> None:
    prediction = Prediction.from_probabilities([0.5, 0.3, 0.2], CLASSES, model, 1.0)
    kept = prediction_log.save_answer(encode(picture(number), "PNG"), prediction, "", thumbnail(picture(number)))
    if truth:
        judge(kept, truth)


def test_the_judged_pictures_unpacked_are_data_to_train_on(tmp_path: Path) -> None:
    for number in range(6):
        keep(number, CLASSES[number % 3])
    keep(9, None)
    file = io.BytesIO()
    assert write_zip(file) == 6
    with ZipFile(file) as archive:
        archive.extractall(tmp_path / "feedback")
    dataset = load_dataset(tmp_path / "feedback", 32, validation=0.0, test=0.0)
    assert dataset.classes == tuple(sorted(map(folder_name, CLASSES)))
    assert np.bincount(dataset.train.labels).tolist() == [2, 2, 2]
    assert {path.name for path in tmp_path.iterdir()} == {"feedback", "home"}  # nothing beside the folder


def test_the_last_word_on_a_picture_counts() -> None:
    keep(0, "cat", "mine")
    keep(0, CLASSES[1], "other")
    assert [answer.truth for answer in prediction_log.iterate_judged()] == [CLASSES[1]]
    assert prediction_log.judged_classes() == [CLASSES[1]]


@pytest.mark.parametrize(
    "label", ["..", ".", "a/b", "a\\b", "C:", " x ", "con", "NUL.txt", "x.", "a\0b", "*", "ä", "%2F"]
)
def test_any_class_is_a_folder_that_every_system_can_have(label: str) -> None:
    name = folder_name(label)
    assert name and not set(name) & set('/\\:*?"<>|\0')
    assert name == name.strip(" .")
    assert name.partition(".")[0].lower() not in {"con", "nul"}
    assert folder_name("cat") == "cat"


def test_no_two_classes_share_a_folder() -> None:
    labels = ["a/b", "a%2Fb", "a_b", "a b", "ab", ".ab", "con", "%63on"]
    assert len(set(map(folder_name, labels))) == len(labels)


def test_the_zip_is_written_as_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        keep(number, CLASSES[number % 3])
    monkeypatch.setattr(prediction_log, "CHUNK", 2)
    monkeypatch.setattr(prediction_log, "list_answers", lambda *_: pytest.fail("everything was read at once"))
    file = io.BytesIO()
    assert write_zip(file) == 7
    with ZipFile(file) as archive:
        assert len(archive.namelist()) == 7 and archive.testzip() is None
