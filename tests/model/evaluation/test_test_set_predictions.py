from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import pytest

from model.datasets.splits import Split, split_fingerprint
from model.evaluation.test_set_predictions import (
    PredictedTestSet,
    PredictionFilter,
    load_predictions,
    predict_all,
    save_predictions,
    select,
)
from model.inference.classifier import Classifier, NoProbabilities
from tests.drawn import SHAPES, draw_images, save_untrained

ROWS = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]], np.float32)
SURVEY = PredictedTestSet(("cat", "dog"), Split(draw_images(4, 16), np.array([0, 0, 1, 1])), ROWS)


@pytest.mark.parametrize(
    ("question", "places"),
    [
        (PredictionFilter(), [0, 1, 2, 3]),
        (PredictionFilter(true=0), [0, 1]),
        (PredictionFilter(predicted=1), [1, 3]),
        (PredictionFilter(true=1, predicted=0), [2]),
        (PredictionFilter(verdict="right"), [0, 3]),
        (PredictionFilter(verdict="wrong"), [1, 2]),
        (PredictionFilter(min_confidence=0.65, max_confidence=0.85), [2, 3]),
        (PredictionFilter(order="least sure"), [1, 2, 3, 0]),
        (PredictionFilter(order="most sure"), [0, 3, 2, 1]),
        (PredictionFilter(order="highest loss"), [2, 1, 3, 0]),
        (PredictionFilter(true=0, verdict="wrong", max_confidence=0.5), []),
    ],
)
def test_a_question_chooses_and_orders(question: PredictionFilter, places: list[int]) -> None:
    assert select(SURVEY, question).tolist() == places


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("bundles") / "raw"
    save_untrained(folder, size=16)
    return Classifier.load(folder)


def test_an_answer_that_is_no_numbers_is_no_figure(classifier: Classifier) -> None:
    def overflowing(images: np.ndarray) -> np.ndarray:
        rows = np.full((len(images), len(SHAPES)), 1 / len(SHAPES), np.float32)
        rows[images.mean(axis=(1, 2, 3)) > 200] = np.nan
        return rows

    images = draw_images(70, 16)
    images[[3, 66, 68]] = 255
    told: list[int] = []
    with pytest.raises(NoProbabilities, match="'raw' answers 1 of the pictures 1 to 64 with no numbers"):
        predict_all(Classifier(classifier.card, "keras", overflowing), images, told.append)
    assert told == []


def test_answers_are_computed_in_steps_and_kept(classifier: Classifier, tmp_path: Path) -> None:
    split = Split(draw_images(300, 16), np.arange(300) % len(SHAPES))
    told: list[int] = []
    rows, known = predict_all(classifier, split.images, told.append)
    assert known is None  # it cannot tell
    assert told == [64, 128, 192, 256, 300]
    np.testing.assert_array_equal(rows, classifier.probabilities(split.images))
    save_predictions(tmp_path / "rows.npy", rows)
    again = load_predictions(tmp_path / "rows.npy", (300, len(SHAPES)))
    assert again is not None and again.dtype == np.float32
    np.testing.assert_array_equal(again, rows)
    assert load_predictions(tmp_path / "rows.npy", (300, 4)) is None


def test_another_label_or_pixel_is_another_set(classifier: Classifier, tmp_path: Path) -> None:
    split = Split(draw_images(9, 16), np.arange(9) % 3)
    other = dataclasses.replace(split, labels=(split.labels + 1) % 3)
    images = split.images.copy()
    images[0, 0, 0, 0] ^= 1
    assert (
        len({split_fingerprint(split), split_fingerprint(other), split_fingerprint(Split(images, split.labels))}) == 3
    )


def test_a_file_cut_short_is_as_good_as_none(tmp_path: Path) -> None:
    path, rows = tmp_path / "rows.npy", np.full((9, 3), 1 / 3, np.float32)
    save_predictions(path, rows)
    path.write_bytes(path.read_bytes()[:-20])
    assert load_predictions(path, (9, 3)) is None
    save_predictions(path, rows)
    assert load_predictions(path, (9, 3)) is not None
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_answers_that_nobody_asked_for_in_a_month_go(tmp_path: Path) -> None:
    rows = np.full((9, 3), 1 / 3, np.float32)
    names = ("asked.npy", "gone.npy", "young.npy", "cut.npy.1.new", "note.txt")
    for name in names:
        save_predictions(tmp_path / name, rows)
    for name in names:
        moment = time.time() - (29 if name == "young.npy" else 31) * 24 * 3600
        os.utime(tmp_path / name, (moment, moment))
    assert load_predictions(tmp_path / "asked.npy", (9, 3)) is not None
    save_predictions(tmp_path / "new.npy", rows)
    assert {path.name for path in tmp_path.iterdir()} == {"asked.npy", "young.npy", "note.txt", "new.npy"}


def test_an_empty_set_has_an_empty_survey(classifier: Classifier) -> None:
    split = Split(np.zeros((0, 16, 16, 3), np.uint8), np.zeros(0, np.int64))
    survey = PredictedTestSet(SHAPES, split, predict_all(classifier, split.images, lambda done: None)[0])
    assert len(survey) == 0 and select(survey, PredictionFilter(order="highest loss")).tolist() == []
