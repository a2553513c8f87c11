"""Explanations of answers, computed when a visitor asks, and shared by all visitors: maps, neighbours, trials.

The network gets a few pictures at a time, so that answers to other visitors keep coming. Explanations of one answer
hold a slot of EXPLANATIONS meanwhile; the features of a whole data set are one of the jobs of WHOLE_SETS.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dashboard.presenters.file_answers import Answer
from dashboard.services.jobs import EXPLANATIONS, WHOLE_SETS, Job
from dashboard.services.resources import RESULTS, identity
from model.evaluation.test_set_predictions import network_key
from model.explanation.feature_index import Features, Index, build_index, cached_index
from model.explanation.nearest_neighbors import Neighbor, feature_extractor, nearest
from model.explanation.robustness import Trial, run_trials
from model.explanation.saliency import Explanation, NoMapError, gradient_map, in_small_batches, occlusion_map
from model.i18n.translations import gettext as _
from model.images.decoder import image_to_array
from model.inference.classifier import Classifier, KerasPass

GRADIENT, OCCLUSION = "gradient", "occlusion"
_NEIGHBORS = 5  # pictures that are shown


def model_input(answer: Answer) -> np.ndarray:
    """Return the network's input for an answer, uint8 (height, width, channels)."""
    with Image.open(io.BytesIO(answer.seen)) as image:
        return image_to_array(image)


def methods(classifier: Classifier) -> list[str]:
    """Return the methods for saliency maps of this network, the fastest first."""
    return [OCCLUSION] if classifier.network is None else [GRADIENT, OCCLUSION]


def _gradient(classifier: Classifier) -> Explanation:
    card, inside = classifier.card, classifier.network
    assert inside is not None
    try:
        explain = gradient_map(inside, card.input_shape, card.scaling, card.output)
        explain(np.zeros(card.input_shape, np.uint8), 0)
    except NoMapError:
        raise
    except Exception as error:  # networks made elsewhere can be anything, and so can Keras's errors
        raise NoMapError(
            _("Grad-CAM does not work with how this network is built; occlusion works with any network.")
        ) from error
    return explain


def _features(classifier: Classifier) -> Features:
    card, inside = classifier.card, classifier.network
    assert inside is not None
    try:
        features = feature_extractor(inside, card.input_shape, card.scaling)
        features(np.zeros((1, *card.input_shape), np.uint8))
    except Exception as error:  # as above
        raise NoMapError(_("The features of this network are not accessible because of how it is built.")) from error
    return features


def _derived(classifier: Classifier, make: Callable[[Classifier], Any]) -> Any:
    """Return what `make` derives from a Keras network, computed once; it is freed with the network."""
    assert isinstance(classifier.forward, KerasPass)
    return classifier.forward.derived.get(make.__name__, lambda: make(classifier))


def saliency_map(answer: Answer, classifier: Classifier, label: int, method: str) -> np.ndarray:
    """Return where the evidence for class `label` is, float32 (height, width), 0 to 1, computed once.

    Raises:
        NoMapError: The network cannot be explained by this method.
    """

    def make() -> np.ndarray:
        image = model_input(answer)
        with EXPLANATIONS.slot():
            if method == GRADIENT:
                explain: Explanation = _derived(classifier, _gradient)
                return explain(image, label)
            return occlusion_map(in_small_batches(classifier.probabilities), image, label)

    kept: np.ndarray = RESULTS.get(("map", digest(answer), identity(classifier), label, method), make)
    return kept


def robustness_trials(answer: Answer, classifier: Classifier) -> list[Trial]:
    """Return the predictions for slightly changed versions of the picture, computed once."""

    def make() -> list[Trial]:
        image = model_input(answer)
        with EXPLANATIONS.slot():
            return run_trials(in_small_batches(classifier.probabilities), image)

    kept: list[Trial] = RESULTS.get(("trials", digest(answer), identity(classifier)), make)
    return kept


def digest(answer: Answer) -> bytes:
    """Return a hash of the network's input."""
    return hashlib.sha256(answer.seen).digest()


def find_index(classifier: Classifier, source: Path) -> Index | None:
    """Return the feature index of a data folder if it exists, else None."""
    return cached_index(_network_key(classifier), source, classifier.card.input_shape)


def make_index(classifier: Classifier, source: Path) -> Job:
    """Start to make the index, or join the job that makes it; the job's total is 0 until the pictures are read."""
    key = _network_key(classifier)

    def work(job: Job) -> None:
        def on_progress(done: int, total: int) -> None:
            if not job.total:
                job.begin()
            job.total = total
            job.advance(done)

        features: Features = _derived(classifier, _features)
        build_index(key, features, source, classifier.card.input_shape, on_progress)

    return WHOLE_SETS.start(("index", key, source), work)


def _network_key(classifier: Classifier) -> str:
    return f"{network_key(classifier.card, classifier.engine)}-logits"  # earlier ones were of another layer


def nearest_neighbors(answer: Answer, classifier: Classifier, index: Index) -> list[Neighbor]:
    """Return the training pictures with the most similar features.

    Raises:
        NoMapError: The network has no features.
    """
    features: Features = _derived(classifier, _features)
    with EXPLANATIONS.slot():
        row = features(model_input(answer)[None])[0]
        return nearest(index.rows, row / max(float(np.linalg.norm(row)), 1e-12), _NEIGHBORS)
