"""What is worked out of an answer when a visitor asks why: maps, alike pictures, trials. Shared by all visitors.

Each asks the network a few pictures at a time, so that answers to other visitors keep coming. What is worked out of one
answer holds a place among WORKERS meanwhile; the features of a whole data set wait for their turn with the surveys.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dashboard.presenters.file_answers import Answer
from dashboard.services.resources import WORKED_OUT, identity
from dashboard.services.test_set_jobs import RUN_LOCK, Job
from model.datasets.splits import DataError
from model.evaluation.test_set_predictions import network_key
from model.explanation.feature_index import Features, Index, build_index, cached_index
from model.explanation.nearest_neighbors import Neighbor, feature_extractor, nearest
from model.explanation.robustness import Trial, run_trials
from model.explanation.saliency import Explanation, NoMapError, gradient_map, in_small_batches, occlusion_map
from model.i18n.translations import current_language, use_language
from model.i18n.translations import gettext as _
from model.images.decoder import image_to_array
from model.inference.classifier import Classifier, KerasPass

log = logging.getLogger(__name__)

WORKERS = threading.BoundedSemaphore(max(1, (os.cpu_count() or 2) // 2))
GRADIENT, OCCLUSION = "gradient", "occlusion"
COUNT = 5  # alike pictures that are shown


def seen_by(answer: Answer) -> np.ndarray:
    """What the network was given of a picture, uint8 (height, width, channels)."""
    with Image.open(io.BytesIO(answer.seen)) as image:
        return image_to_array(image)


def methods(classifier: Classifier) -> list[str]:
    """The ways to draw a map of this network, the quickest first."""
    return [OCCLUSION] if classifier.network is None else [GRADIENT, OCCLUSION]


def _gradient(classifier: Classifier) -> Explanation:
    card, inside = classifier.card, classifier.network
    assert inside is not None
    try:
        explain = gradient_map(inside, card.input_shape, card.scaling, card.output)
        explain(np.zeros(card.input_shape, np.uint8), 0)
    except NoMapError:
        raise
    except Exception as error:  # networks made elsewhere are built in every way, and Keras raises nearly anything
        raise NoMapError(
            _("This network is built in a way that Grad-CAM cannot follow; covering parts looks into any network.")
        ) from error
    return explain


def _features(classifier: Classifier) -> Features:
    card, inside = classifier.card, classifier.network
    assert inside is not None
    try:
        features = feature_extractor(inside, card.input_shape, card.scaling)
        features(np.zeros((1, *card.input_shape), np.uint8))
    except Exception as error:  # as above
        raise NoMapError(_("This network is built in a way that its features cannot be taken from.")) from error
    return features


def compiled(classifier: Classifier, make: Callable[[Classifier], Any]) -> Any:
    """What is made of a Keras network, once; it goes when the network goes."""
    assert isinstance(classifier.forward, KerasPass)
    return classifier.forward.derived.get(make.__name__, lambda: make(classifier))


def map_of(answer: Answer, classifier: Classifier, label: int, method: str) -> np.ndarray:
    """Where the picture speaks for class `label`: float32 (height, width), 0 to 1, made once. Raises NoMapError."""

    def make() -> np.ndarray:
        image = seen_by(answer)
        with WORKERS:
            if method == GRADIENT:
                explain: Explanation = compiled(classifier, _gradient)
                return explain(image, label)
            return occlusion_map(in_small_batches(classifier.probabilities), image, label)

    kept: np.ndarray = WORKED_OUT.get(("map", digest(answer), identity(classifier), label, method), make)
    return kept


def trials_of(answer: Answer, classifier: Classifier) -> list[Trial]:
    """The picture changed a little in many ways, and what the network says then; worked out once."""

    def make() -> list[Trial]:
        image = seen_by(answer)
        with WORKERS:
            return run_trials(in_small_batches(classifier.probabilities), image)

    kept: list[Trial] = WORKED_OUT.get(("trials", digest(answer), identity(classifier)), make)
    return kept


def digest(answer: Answer) -> bytes:
    return hashlib.sha256(answer.seen).digest()


JOBS: dict[tuple[str, Path], Job] = {}
GUARD = threading.Lock()


def index_of(classifier: Classifier, source: Path) -> Index | None:
    """The index of a data folder where it has been made, or None."""
    return cached_index(key_of(classifier), source, classifier.card.input_shape)


def make_index(classifier: Classifier, source: Path) -> Job:
    """Start to make the index, or join whoever started; the job's total is 0 until the pictures are read."""
    key = key_of(classifier), source
    with GUARD:
        job = JOBS.get(key)
        if job is None or job.ended.is_set():
            job = JOBS[key] = Job(0)
            threading.Thread(
                target=work, args=(job, classifier, source, current_language()), name="index", daemon=True
            ).start()
    return job


def work(job: Job, classifier: Classifier, source: Path, language: str) -> None:
    """Make the index; what goes wrong is the job's error, in the language of who started it."""

    def tell(done: int, total: int) -> None:
        job.started = job.started or time.monotonic()
        job.done, job.total = done, total

    try:
        with use_language(language), RUN_LOCK:
            features: Features = compiled(classifier, _features)
            build_index(key_of(classifier), features, source, classifier.card.input_shape, tell)
        with GUARD:
            JOBS.pop((key_of(classifier), source), None)
    except (DataError, NoMapError, OSError) as error:
        job.error = str(error)
    except Exception as error:
        log.exception("the training pictures could not be compared")
        job.error = type(error).__name__
    finally:
        job.ended.set()


def key_of(classifier: Classifier) -> str:
    return network_key(classifier.card, classifier.engine)


def alike(answer: Answer, classifier: Classifier, index: Index) -> list[Neighbor]:
    """The training pictures that the network finds most like this one. Raises NoMapError."""
    features: Features = compiled(classifier, _features)
    with WORKERS:
        row = features(seen_by(answer)[None])[0]
        return nearest(index.rows, row / max(float(np.linalg.norm(row)), 1e-12), COUNT)
