"""Predictions for whole test sets, computed in the background and saved on disk for every visitor."""

from __future__ import annotations

import numpy as np

from dashboard.services.jobs import WHOLE_SETS, Job
from model.datasets.splits import Split
from model.datasets.test_set import PictureSet
from model.evaluation.test_set_predictions import (
    PredictedTestSet,
    known_file,
    load_predictions,
    predict_all,
    predictions_file,
    save_predictions,
)
from model.inference.pool import POOL
from model.inference.unknown import unknown_limit
from model.registry.card import Card


def cached_predictions(card: Card, engine: str, pictures: PictureSet, with_known: bool = False) -> np.ndarray | None:
    """Return a network's saved predictions for a test set, float32 (n, classes), or None; it loads no network.

    With `with_known` there are none unless how known the pictures are was saved too, if the network can tell.
    """
    if with_known and card.known is not None and cached_known(card, engine, pictures) is None:
        return None  # they were saved before the network could tell
    return load_predictions(predictions_file(card, engine, pictures.key), (len(pictures), len(card.classes)))


def cached_known(card: Card, engine: str, pictures: PictureSet) -> np.ndarray | None:
    """Return how known the test set's pictures are, float32 (n,), if that was saved with the predictions."""
    if card.known is None:
        return None
    path = predictions_file(card, engine, pictures.key)
    return load_predictions(known_file(path, card.known), (len(pictures),))


def predicted(card: Card, engine: str, pictures: PictureSet, labels: np.ndarray, rows: np.ndarray) -> PredictedTestSet:
    """Return a test set with a network's predictions and what is saved of how known its pictures are.

    Args:
        card: The network's card.
        engine: The engine that predicted.
        pictures: The test set.
        labels: The true classes as indices into the network's, int (n,).
        rows: The predictions, float32 (n, classes).
    """
    limit = unknown_limit(card.known) if card.known else 0.0
    split = Split(pictures.split.images, labels)
    return PredictedTestSet(card.classes, split, rows, cached_known(card, engine, pictures), limit)


def find_job(card: Card, engine: str, pictures: PictureSet) -> Job | None:
    """Return the job that computes these predictions, if it is under way or has failed."""
    return WHOLE_SETS.find(_key(card, engine, pictures))


def start_job(name: str, card: Card, engine: str, pictures: PictureSet) -> Job:
    """Start to compute the predictions of the network `name` for a test set, or join the job that does so already."""

    def work(job: Job) -> None:
        if cached_predictions(card, engine, pictures, with_known=True) is not None:
            return  # saved just after whoever started this job had looked
        classifier = POOL.get(name, engine)
        job.begin()
        rows, known = predict_all(classifier, pictures.split.images, job.advance)
        path = predictions_file(classifier.card, engine, pictures.key)
        if known is not None and classifier.card.known is not None:
            save_predictions(known_file(path, classifier.card.known), known)
        save_predictions(path, rows)

    return WHOLE_SETS.start(_key(card, engine, pictures), work, len(pictures))


def _key(card: Card, engine: str, pictures: PictureSet) -> tuple[str, str, str]:
    return card.sha256, engine, pictures.key
