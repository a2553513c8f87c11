from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model.evaluation.strangers import score_strangers
from model.inference.classifier import Classifier
from model.registry.card import KnownRule, read_card, write_card
from tests.drawn import draw_images, encode, picture, save_untrained


@pytest.mark.parametrize("by_known", [False, True])
def test_each_picture_has_its_score_and_a_bad_file_none(by_known: bool, tmp_path: Path) -> None:
    save_untrained(tmp_path / "raw", size=16)
    write_card(
        tmp_path / "raw", dataclasses.replace(read_card(tmp_path / "raw"), known=KnownRule("probability", 0.6, 0.4))
    )
    classifier, told = Classifier.load(tmp_path / "raw"), list[int]()
    contents = [encode(picture(number), "PNG") for number in range(40)]
    contents[7] = b"no picture"
    scores = score_strangers(classifier, [lambda c=c: c for c in contents], by_known, told.append)  # type: ignore[misc]
    assert told == [32, 40]
    assert np.flatnonzero(np.isnan(scores)).tolist() == [7]
    prediction = classifier.classify(contents[39]).prediction
    expected = prediction.known_score if by_known else prediction.best.probability
    assert expected is not None and scores[39] == pytest.approx(expected, abs=1e-5)
    assert classifier.known_scores(draw_images(2, 16)) is not None
