"""What is loaded once and shared by all visitors: the only cached functions."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import threading
import time

import numpy as np
import streamlit as st

from dashboard.answers import Answer, answer, thumbnail
from dashboard.samples import list_samples
from model.bundle import BundleError, Card, check_file, default_name, find_bundle, read_card
from model.classifier import DEFAULT_ENGINE, Classifier, engines_of, file_of
from model.convert import convert
from model.images import read_image, to_array
from model.layers import Layer, list_layers

log = logging.getLogger(__name__)
WARM: set[str] = set()
SPEEDS: dict[str, float] = {}  # milliseconds a picture, by network
SPEED_PASSES = 7
PAGE_SHOWN = threading.Event()  # set when a page has been drawn once
VISITOR_SECONDS = 3.0  # how long loading the network waits for a first visitor
DRAWING_SECONDS = 0.7  # what a browser needs to draw the page once it has been sent


def card(name: str) -> Card:
    """A bundle's card as it stands on disk now; needs no TensorFlow. Raises BundleError."""
    return read_card(find_bundle(name))


def fingerprint(name: str) -> str:
    """Tells a bundle from a later one of the same name, and from the same bytes added with other classes."""
    known = card(name)
    return repr((known.sha256, known.classes, known.input_size, known.scaling, known.output))


@st.cache_resource(show_spinner=False)
def _classifier(name: str, sha256: str) -> Classifier:
    loaded = Classifier.load(name)
    # Streamlit collects garbage after every run of a page. TensorFlow's objects live as long as the process; frozen,
    # they are not searched each time, which would take 160 to 400 ms.
    gc.collect()
    gc.freeze()
    WARM.add(sha256)
    return loaded


def classifier(name: str) -> Classifier:
    """A bundle's network, loaded and warmed up once a process; visitors that come together wait for one load.

    Raises BundleError.
    """
    return _classifier(name, fingerprint(name))


def is_warm(name: str) -> bool:
    """Whether an answer needs no loading any more."""
    return fingerprint(name) in WARM


@st.cache_data(max_entries=2000, show_spinner=False)
def _answer(sha256: str, network: str, name: str, _content: bytes) -> Answer:
    return answer(_content, lambda: classifier(name))


def answer_for(content: bytes, name: str) -> Answer:
    """The answer for a file's bytes; the same bytes are worked on once by a network."""
    return _answer(hashlib.sha256(content).hexdigest(), fingerprint(name), name, content)


@st.cache_data(show_spinner=False)
def sample_thumbnails() -> dict[str, bytes]:
    """A JPEG square of each sample by its key."""
    return {sample.key: thumbnail(read_image(sample.path.read_bytes(), at_least=160)) for sample in list_samples()}


@st.cache_data(max_entries=200, show_spinner=False)
def _layers(network: str, name: str) -> list[Layer]:
    folder = find_bundle(name)
    known = read_card(folder)
    engine = next(iter(engines_of(known)), DEFAULT_ENGINE)
    path = check_file(folder, known, file_of(known, engine))
    try:
        return list_layers(path)
    except Exception as error:  # what is in the file is not ours: Keras and LiteRT raise nearly anything
        raise BundleError(f"{path} cannot be read: {str(error).strip().partition(chr(10))[0]}") from error


def layers(name: str) -> list[Layer]:
    """A network's layers, read once. Raises BundleError."""
    return _layers(fingerprint(name), name)


def measure_speed(name: str) -> None:
    """Find out how long one picture takes here, once a network. Raises BundleError."""
    network = fingerprint(name)
    if network not in SPEEDS:
        side = card(name).input_size
        blank, loaded = np.zeros((1, side, side, 3), np.uint8), classifier(name)
        times = []
        for _ in range(SPEED_PASSES):
            start = time.perf_counter()
            loaded.probabilities(blank)
            times.append(time.perf_counter() - start)
        SPEEDS[network] = 1000 * float(np.median(times))


def known_speed(name: str) -> float | None:
    """Milliseconds a picture, where they have been measured."""
    return SPEEDS.get(fingerprint(name))


@st.cache_data(max_entries=8, show_spinner=False)
def _converted(network: str, name: str, kind: str) -> bytes:
    folder = find_bundle(name)
    known = read_card(folder)
    pictures = [read_image(sample.path.read_bytes(), at_least=known.input_size) for sample in list_samples()]
    return convert(folder, known, kind, np.stack([to_array(picture, known.input_size) for picture in pictures]))


def converted(name: str, kind: str) -> bytes:
    """A network as a file of another kind, made once; the sample pictures set an int8 file's ranges.

    Raises BundleError.
    """
    return _converted(fingerprint(name), name, kind)


def may_change() -> bool:
    """Whether visitors may change the networks: not where the page is open to the whole world."""
    return not os.environ.get("VITRINE_SHARE")


def warm_up() -> None:
    """Make ready, in a thread of its own, what the first visitor would wait for: the page's modules, then the network.

    Importing TensorFlow holds Python's lock for seconds, so a visitor who is already there gets the page first.
    """
    from dashboard.charts import empty_chart

    try:
        name = default_name()
        empty_chart(card(name).classes)
        sample_thumbnails()
        if PAGE_SHOWN.wait(VISITOR_SECONDS):
            time.sleep(DRAWING_SECONDS)
        answer(list_samples()[0].path.read_bytes(), lambda: classifier(name))
    except Exception:  # the page says what is wrong when somebody asks; the server must not end
        log.exception("the network could not be warmed up")
