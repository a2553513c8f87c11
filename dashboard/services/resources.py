"""What is loaded once and shared by all visitors.

With dashboard/services/explanation_cache.py it is all that is kept beyond a page's run.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from dashboard.presenters.file_answers import Answer, answer
from model.common.cache import Cache
from model.common.errors import BundleError
from model.datasets.image_folder import MAX_BYTES, read_error
from model.datasets.splits import BrokenPicture
from model.datasets.test_set import PictureSet, folder_fingerprint, read_test_set
from model.evaluation.paired_test import median_times
from model.export.conversion import convert
from model.i18n.translations import current_language
from model.images.decoder import read_image, to_array
from model.images.samples import list_samples
from model.images.thumbnails import thumbnail
from model.inference.classifier import Classifier, file_of
from model.inference.layer_table import Layer, list_layers
from model.inference.pool import POOL, Choice, Key, choose
from model.registry.card import Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import default_name, find_bundle
from model.signature.shapes import PictureSize

log = logging.getLogger(__name__)
# What is worked out of pictures, for all visitors; Streamlit's own caches, which count, hold what is small.
WORKED_OUT: Cache[Any] = Cache(2**29)
TESTSETS: Cache[PictureSet] = Cache(MAX_BYTES + 2**28)  # the largest there can be, with its files' names
SPEEDS: Cache[float] = Cache(2**20)  # milliseconds a picture, by network
SPEED_PASSES = 7
PAIRS: Cache[list[float]] = Cache(2**20)  # the same for networks that were measured in turns
PAGE_SHOWN = threading.Event()  # set when a page has been drawn once
VISITOR_SECONDS = 3.0  # how long loading the network waits for a first visitor
DRAWING_SECONDS = 0.7  # what a browser needs to draw the page once it has been sent


def card(name: str) -> Card:
    """A bundle's card as it stands on disk now; needs no TensorFlow. Raises BundleError."""
    return read_card(find_bundle(name))


def fingerprint(card: Card) -> str:
    """Tells a network from a later one of the same name, and from the same bytes added with other classes."""
    return repr((card.name, card.files, card.classes, card.input_shape.key, card.scaling, card.output))


def identity(classifier: Classifier) -> str:
    """Tells one file of a network from its others, too, such as int8 from float."""
    return f"{classifier.engine} {fingerprint(classifier.card)}"


def classifier(name: str, engine: str | None = None) -> Classifier:
    """A bundle's network, loaded and warmed up once a process; visitors that come together wait for one load.

    engine: the one that the bundle prefers unless another is asked for.
    Its card is the one it was loaded by, whatever has happened to the name meanwhile. The pool is not Streamlit's cache
    because the HTTP routes of this process ask it too. Raises BundleError.
    """
    return POOL.get(name, engine)


def is_warm(name: str, engine: str | None = None) -> bool:
    """Whether an answer needs no loading any more."""
    try:
        return POOL.ready(choose(name, engine)) is not None
    except BundleError:
        return False


def answer_for(content: bytes, classifier: Classifier) -> Answer:
    """The answer for a file's bytes; the same bytes are worked on once by a network and in a language."""
    key = "answer", hashlib.sha256(content).digest(), identity(classifier), current_language()
    kept: Answer = WORKED_OUT.get(key, lambda: answer(content, classifier))
    return kept


@st.cache_data(show_spinner=False)
def sample_thumbnails() -> dict[str, bytes]:
    """A JPEG square of each sample by its key."""
    return {sample.css_key: thumbnail(read_image(sample.path.read_bytes(), min_side=160)) for sample in list_samples()}


@st.cache_data(max_entries=200, show_spinner=False)
def _layers(network: str, _choice: Choice) -> list[Layer]:
    path = check_file(_choice.folder, _choice.card, file_of(_choice.card, _choice.engine))
    try:
        return list_layers(path)
    except Exception as error:  # what is in the file is not ours: Keras and LiteRT raise nearly anything
        raise BundleError(f"{path} cannot be read: {str(error).strip().partition(chr(10))[0]}") from error


def layers(name: str) -> list[Layer]:
    """A network's layers, read once. Raises BundleError."""
    choice = choose(name)
    return _layers(fingerprint(choice.card), choice)


def testset(name: str, folder: Path, size: PictureSize) -> PictureSet:
    """A data folder's test pictures at a network's size, read once a process. Raises DataError."""
    return TESTSETS.get((name, folder, size, folder_fingerprint(folder)), lambda: read_test_set(name, folder, size))


def why_broken(one: BrokenPicture) -> str:
    """Why a test set's picture cannot be read, in the reader's language."""
    key = "broken", one, current_language()
    kept: str = WORKED_OUT.get(key, lambda: read_error(one.path) or one.reason)
    return kept


def measure_speed(classifier: Classifier) -> None:
    """Find out how long one picture takes here, once a network."""
    network = fingerprint(classifier.card)
    if SPEEDS.peek(network) is None:
        blank, times = np.zeros((1, *classifier.card.input_shape), np.uint8), []
        for _ in range(SPEED_PASSES):
            start = time.perf_counter()
            classifier.probabilities(blank)
            times.append(time.perf_counter() - start)
        SPEEDS.put(network, 1000 * float(np.median(times)))


def known_speed(card: Card) -> float | None:
    """Milliseconds a picture, where they have been measured."""
    return SPEEDS.peek(fingerprint(card))


def speed_key(name: str, engine: str) -> Key:
    return choose(name, engine).key


def known_speeds(networks: Sequence[tuple[str, str]]) -> list[float]:
    """Milliseconds a picture of each network, by name and engine, where they were measured in turns; else none."""
    return PAIRS.peek(tuple(speed_key(*network) for network in networks)) or []


def measure_speeds(networks: Sequence[tuple[str, str]]) -> None:
    """Measure several networks in turns, so that they can be compared. Raises BundleError."""
    loaded = [POOL.get(*network) for network in networks]
    blanks = [np.zeros((1, *one.card.input_shape), np.uint8) for one in loaded]
    passes = [partial(one.probabilities, blank) for one, blank in zip(loaded, blanks, strict=True)]
    PAIRS.put(tuple(speed_key(*network) for network in networks), median_times(passes))


def converted(name: str, suffix: str) -> bytes:
    """A network as a file of another kind, made once; the sample pictures set an int8 file's ranges.

    Raises BundleError.
    """
    choice = choose(name)

    def make() -> bytes:
        shape = choice.card.input_shape
        pictures = [
            to_array(read_image(sample.path.read_bytes(), min_side=shape.longest), shape) for sample in list_samples()
        ]
        return convert(choice.folder, choice.card, suffix, np.stack(pictures))

    kept: bytes = WORKED_OUT.get(("converted", fingerprint(choice.card), suffix), make)
    return kept


def warm_up() -> None:
    """Make ready, in a thread of its own, what the first visitor would wait for: the page's modules, then the network.

    Importing TensorFlow holds Python's lock for seconds, so a visitor who is already there gets the page first.
    """
    from dashboard.presenters.charts import empty_chart

    try:
        name = default_name()
        empty_chart(card(name).classes)
        sample_thumbnails()
        if PAGE_SHOWN.wait(VISITOR_SECONDS):
            time.sleep(DRAWING_SECONDS)
        loaded = classifier(name)
        answer(list_samples()[0].path.read_bytes(), loaded)
        measure_speed(loaded)
    except Exception:  # the page says what is wrong when somebody asks; the server must not end
        log.exception("the network could not be warmed up")
