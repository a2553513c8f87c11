"""Surveys in the background: once, one at a time, heard of, and never lost with the visitor who asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.services import test_set_jobs
from dashboard.services.jobs import WHOLE_SETS
from model.datasets.test_set import PictureSet, read_test_set
from model.evaluation.test_set_predictions import predictions_file, save_predictions
from model.inference.pool import POOL
from model.registry.card import Card, read_card
from tests.drawn import draw_folder, save_untrained


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Card, str, PictureSet]:
    """A small network and a folder of 150 pictures of its classes."""
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "bundles" / "shapes"
    save_untrained(folder, size=16)
    draw_folder(tmp_path / "data", 50, size=16)
    return "shapes", read_card(folder), "keras", read_test_set("data", tmp_path / "data", 16)


def test_a_survey_is_taken_once_kept_and_heard_of(subject: tuple[str, Card, str, PictureSet]) -> None:
    name, card, engine, pictures = subject
    assert test_set_jobs.cached_predictions(card, engine, pictures) is None
    with WHOLE_SETS.slot():
        first, second = test_set_jobs.start_job(*subject), test_set_jobs.start_job(*subject)
        assert first is second is test_set_jobs.find_job(card, engine, pictures)
        assert first.progress() == "Waiting for another test set to be done"
    assert first.ended.wait(120)
    assert (first.done, first.total, first.error, first.fraction) == (150, 150, "", 1.0)
    assert test_set_jobs.find_job(card, engine, pictures) is None
    rows = test_set_jobs.cached_predictions(card, engine, pictures)
    assert rows is not None
    np.testing.assert_allclose(rows, POOL.get(name).probabilities(pictures.split.images), atol=1e-6)


def test_nothing_that_is_kept_is_asked_again(
    subject: tuple[str, Card, str, PictureSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    _name, card, engine, pictures = subject
    with WHOLE_SETS.slot():
        job = test_set_jobs.start_job(*subject)  # from a page that was drawn before
        save_predictions(predictions_file(card, engine, pictures.key), np.full((150, 3), 1 / 3, np.float32))
        monkeypatch.setattr(test_set_jobs, "predict_all", lambda *_: pytest.fail("the answers are kept"))
    assert job.ended.wait(120)
    assert (job.error, job.done) == ("", 0)
    assert test_set_jobs.find_job(card, engine, pictures) is None


def test_a_failure_stays_until_somebody_tries_again(
    subject: tuple[str, Card, str, PictureSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    _name, card, engine, pictures = subject

    def fail(*_given: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(test_set_jobs, "save_predictions", fail)
        job = test_set_jobs.start_job(*subject)
        assert job.ended.wait(120)
    assert job.error == "the disk is full"
    assert test_set_jobs.find_job(card, engine, pictures) is job
    again = test_set_jobs.start_job(*subject)
    assert again is not job
    assert again.ended.wait(120)
    assert again.error == "" and test_set_jobs.cached_predictions(card, engine, pictures) is not None
