"""Answers of a head that has just been taught, before it is made into a model: for a page that shows them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from model.inference.prediction import Prediction
from model.inference.unknown import known_scores, verdict_of
from model.signature.rows import FEATURES
from training.teach.backbone import Backbone
from training.teach.duplicates import unit_rows
from training.teach.features import read_pixels
from training.teach.learn import Taught


@dataclass(frozen=True)
class NearPicture:
    """A taught picture that looks like the one asked about.

    Attributes:
        id: Its number in the project.
        sha256: Of its file, by which the project has its thumbnail.
        label: Its class.
        similarity: The cosine of the features less their mean, -1 to 1.
    """

    id: int
    sha256: str
    label: str
    similarity: float


@dataclass(frozen=True)
class TaughtAnswer:
    """A prediction, and the taught pictures that are most similar to the one asked about, the most similar first."""

    prediction: Prediction
    nearest: tuple[NearPicture, ...]


def answer(taught: Taught, backbone: Backbone, content: bytes, name: str, count: int = 3) -> TaughtAnswer:
    """Answer about a picture's file, timed from first byte to last probability.

    Args:
        taught: What was learnt.
        backbone: The network it was learnt on.
        content: The bytes of the file.
        name: What the prediction calls the network.
        count: How many of the nearest taught pictures to return.

    Raises:
        InvalidImage: The bytes are not a picture that can be read.
    """
    begun = perf_counter()
    features = backbone.features(read_pixels(content)[None])
    probabilities = taught.head.probabilities(features)[0].tolist()
    known = float(known_scores(taught.rule, {FEATURES: features}, taught.bank)[0])
    milliseconds = (perf_counter() - begun) * 1000
    prediction = Prediction.from_probabilities(probabilities, taught.classes, name, milliseconds, "keras")
    if math.isfinite(known):
        prediction = replace(prediction, known_score=known, verdict=verdict_of(taught.rule, known))
    return TaughtAnswer(prediction, _nearest(taught, features[0], count))


def _nearest(taught: Taught, features: np.ndarray, count: int) -> tuple[NearPicture, ...]:
    samples = taught.samples
    if not len(samples):
        return ()
    cosines = taught.taught_directions @ unit_rows((features - taught.bank.center)[None])[0]
    best = np.argsort(-cosines, kind="stable")[:count]
    return tuple(
        NearPicture(
            int(samples.ids[place]),
            samples.sha256s[place],
            samples.classes[samples.labels[place]],
            float(cosines[place]),
        )
        for place in best
    )
