"""What is loaded or computed once and shared by all visitors.

Besides `dashboard.services.explanation_cache`, nothing else is kept longer than one run of a page.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from dashboard.presenters.file_answers import Answer, answer, answers
from dashboard.services.jobs import CONVERSIONS
from dashboard.services.stand_in import drop_stand_in, load_stand_in
from model.common.cache import Cache
from model.common.errors import BundleError
from model.common.files import modified_at
from model.datasets.image_folder import MAX_BYTES, read_error
from model.datasets.splits import BrokenPicture
from model.datasets.test_set import PictureSet, folder_fingerprint, read_test_set
from model.evaluation.paired_test import median_times
from model.export.conversion import convert
from model.i18n.translations import current_language
from model.images.decoder import InvalidImage, read_image, to_array
from model.images.samples import list_samples
from model.images.thumbnails import thumbnail
from model.inference.classifier import Classifier, file_of
from model.inference.layer_table import Layer, list_layers
from model.inference.pool import POOL, Choice, Key, choose
from model.registry.card import Card, read_card
from model.registry.checksums import check_file
from model.registry.resolution import default_name, find_bundle
from model.signature.shapes import PictureSize

_log = logging.getLogger(__name__)
# Results for pictures; small things are in Streamlit's own caches, which limit the number of entries.
RESULTS: Cache[Any] = Cache(2**29)
_SMALL_SIDE = 32  # pixels: CIFAR-10's own, which other pictures are quick to read at
TEST_SETS: Cache[PictureSet] = Cache(MAX_BYTES + 2**28)  # the largest possible set, with the names of its files
_SPEEDS: Cache[float] = Cache(2**20)  # milliseconds for a picture, by network
_SPEED_PASSES = 7
PAIRED_SPEEDS: Cache[list[float]] = Cache(2**20)  # the same for networks measured in turns
PAGE_SHOWN = threading.Event()  # set when a page has been drawn once
_VISITOR_SECONDS = 3.0  # how long loading the network waits for a first visitor
_DRAWING_SECONDS = 0.7  # what a browser needs to draw the page once it has been sent
_ANSWERING_SECONDS = 2.0  # the same, and what a first picture needs where the stand-in answers


def card(name: str) -> Card:
    """Return a bundle's card as it is on disk now, without TensorFlow. Raises BundleError."""
    return read_card(find_bundle(name))


def fingerprint(card: Card) -> str:
    """Return a text that identifies a network, also among networks of the same name or the same file."""
    facts = (card.name, card.files, card.classes, card.input_shape.key, card.scaling, card.output)
    return repr((*facts, card.known, card.sets))


def identity(classifier: Classifier) -> str:
    """Return the same for one file of a network, such as its int8 file."""
    return f"{classifier.engine} {fingerprint(classifier.card)}"


def classifier(name: str, engine: str | None = None) -> Classifier:
    """Return a bundle's network, loaded and warmed up once; visitors who come together wait for one load.

    It comes from the pool and not from Streamlit's cache, because the HTTP routes of this process use it too.

    Args:
        name: The bundle's name.
        engine: The engine; None for the bundle's preferred one.

    Raises:
        BundleError: It cannot be loaded.
    """
    return POOL.get(name, engine)


def is_warm(name: str, engine: str | None = None) -> bool:
    """Return whether the network is loaded already."""
    try:
        return POOL.ready(choose(name, engine)) is not None
    except BundleError:
        return False


def answer_for(content: bytes, classifier: Classifier) -> Answer:
    """Return the answer to a file's bytes, computed once for each network and language."""
    kept: Answer = RESULTS.get(_answer_key(content, classifier), lambda: answer(content, classifier))
    return kept


def answers_for(contents: Sequence[bytes], classifier: Classifier) -> Iterator[Answer]:
    """Yield the same for many files in their order: those that are not there yet are computed with all cores."""
    if len(contents) == 1:
        yield answer_for(contents[0], classifier)
        return
    keys = [_answer_key(content, classifier) for content in contents]
    known: list[Answer | None] = [RESULTS.peek(key) for key in keys]
    missing = (content for content, answer in zip(contents, known, strict=True) if answer is None)
    fresh = answers(missing, classifier)
    for key, kept in zip(keys, known, strict=True):
        if kept is None:
            kept = next(fresh)
            RESULTS.put(key, kept)
        yield kept


def _answer_key(content: bytes, classifier: Classifier) -> tuple[str, bytes, str, str]:
    return "answer", hashlib.sha256(content).digest(), identity(classifier), current_language()


def sample_thumbnails() -> dict[str, bytes]:
    """Return a square JPEG of each sample that can be read, by its key."""
    made = {sample.css_key: _sample_thumbnail(sample.path, modified_at(sample.path)) for sample in list_samples()}
    return {key: content for key, content in made.items() if content is not None}


@st.cache_data(max_entries=500, show_spinner=False)
def _sample_thumbnail(path: Path, modified: float) -> bytes | None:
    """Return a sample's thumbnail, read anew when its file changes; None if it cannot be read."""
    try:
        return thumbnail(read_image(path.read_bytes(), min_side=160))
    except (InvalidImage, OSError):
        return None


@st.cache_data(max_entries=200, show_spinner=False)
def _layers(network: str, _choice: Choice) -> list[Layer]:
    path = check_file(_choice.folder, _choice.card, file_of(_choice.card, _choice.engine))
    try:
        return list_layers(path, _choice.card.outputs)
    except Exception as error:  # Keras and LiteRT raise nearly anything for a bad file
        raise BundleError(f"{path} cannot be read: {str(error).strip().partition(chr(10))[0]}") from error


def layer_table(name: str) -> list[Layer]:
    """Return a network's layers, read once. Raises BundleError."""
    choice = choose(name)
    return _layers(fingerprint(choice.card), choice)


def test_set(name: str, folder: Path, size: PictureSize) -> PictureSet:
    """Return a data folder's test pictures at a network's input size, read once. Raises DataError."""
    return TEST_SETS.get((name, folder, size, folder_fingerprint(folder)), lambda: read_test_set(name, folder, size))


def test_set_of_any_size(name: str, folder: Path) -> PictureSet:
    """Return a data folder's test pictures for their files and classes alone, at whatever size they have been read.

    Raises:
        DataError: The data is missing or cannot be used.
    """
    fingerprint = folder_fingerprint(folder)
    for key in TEST_SETS.listed():
        assert isinstance(key, tuple)  # as `test_set` makes it
        found = TEST_SETS.peek(key) if (key[0], key[1], key[3]) == (name, folder, fingerprint) else None
        if found is not None:
            return found
    return test_set(name, folder, _SMALL_SIDE)


def broken_reason(one: BrokenPicture) -> str:
    """Return why a test picture cannot be read, in the reader's language."""
    key = "broken", one, current_language()
    kept: str = RESULTS.get(key, lambda: read_error(one.path) or one.reason)
    return kept


def measure_speed(classifier: Classifier) -> None:
    """Measure how long a picture takes here, once for each network."""
    network = fingerprint(classifier.card)
    if _SPEEDS.peek(network) is None:
        blank, times = np.zeros((1, *classifier.card.input_shape), np.uint8), []
        for _ in range(_SPEED_PASSES):
            start = time.perf_counter()
            classifier.probabilities(blank)
            times.append(time.perf_counter() - start)
        _SPEEDS.put(network, 1000 * float(np.median(times)))


def known_speed(card: Card) -> float | None:
    """Return the milliseconds for a picture, if they are measured."""
    return _SPEEDS.peek(fingerprint(card))


def _speed_key(name: str, engine: str) -> Key:
    return choose(name, engine).key


def known_speeds(networks: Sequence[tuple[str, str]]) -> list[float]:
    """Return the milliseconds of each network, by name and engine; empty unless they were measured in turns."""
    return PAIRED_SPEEDS.peek(tuple(_speed_key(*network) for network in networks)) or []


def measure_speeds(networks: Sequence[tuple[str, str]]) -> None:
    """Measure several networks in turns, so that they can be compared. Raises BundleError."""
    loaded = [POOL.get(*network) for network in networks]
    blanks = [np.zeros((1, *one.card.input_shape), np.uint8) for one in loaded]
    passes = [partial(one.probabilities, blank) for one, blank in zip(loaded, blanks, strict=True)]
    PAIRED_SPEEDS.put(tuple(_speed_key(*network) for network in networks), median_times(passes))


def converted_file(name: str, suffix: str) -> bytes:
    """Return a network as another kind of file, made once; the sample pictures set an int8 file's ranges.

    Raises:
        BundleError: It cannot be converted.
    """
    choice = choose(name)

    def make() -> bytes:
        shape = choice.card.input_shape
        pictures = [
            to_array(read_image(sample.path.read_bytes(), min_side=shape.longest), shape) for sample in list_samples()
        ]
        with CONVERSIONS.slot():
            return convert(choice.folder, choice.card, suffix, np.stack(pictures))

    kept: bytes = RESULTS.get(("converted", fingerprint(choice.card), suffix), make)
    return kept


def warm_up() -> None:
    """Prepare in a thread what the first visitor would wait for: the page's modules, the stand-in, then the network.

    Importing TensorFlow holds Python's lock for seconds, so a visitor who is already there gets the page first.
    """
    from dashboard.presenters.charts import empty_chart

    try:
        name, stands_in = default_name(), load_stand_in()
        empty_chart(card(name).classes)
        sample_thumbnails()
        if PAGE_SHOWN.wait(_VISITOR_SECONDS):
            time.sleep(_ANSWERING_SECONDS if stands_in else _DRAWING_SECONDS)
        loaded = classifier(name)
        drop_stand_in()
        answer(list_samples()[0].path.read_bytes(), loaded)
        measure_speed(loaded)
    except Exception:  # the page says what is wrong when somebody asks; the server must not end
        _log.exception("the network could not be warmed up")
    finally:
        drop_stand_in()
