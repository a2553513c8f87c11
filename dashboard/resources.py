"""What is loaded once and shared by all visitors: the only cached functions."""

from __future__ import annotations

import hashlib
import logging
import threading
import time

import streamlit as st

from dashboard.answers import Answer, answer, thumbnail
from dashboard.samples import list_samples
from model.bundle import DEFAULT, BundleError, Card, find_bundle, read_card
from model.classifier import Classifier
from model.images import read_image
from model.pool import POOL, choose

log = logging.getLogger(__name__)
PAGE_SHOWN = threading.Event()  # set when a page has been drawn once
VISITOR_SECONDS = 3.0  # how long loading the network waits for a first visitor
DRAWING_SECONDS = 0.7  # what a browser needs to draw the page once it has been sent


def card(name: str) -> Card:
    """A bundle's card as it stands on disk now; needs no TensorFlow. Raises BundleError."""
    return read_card(find_bundle(name))


def fingerprint(name: str) -> str:
    """Tells a bundle from a later one of the same name. Raises BundleError."""
    choice = choose(name)
    return repr((choice.key, choice.card.classes))


def classifier(name: str) -> Classifier:
    """A bundle's network, loaded and warmed up once a process; visitors that come together wait for one load.

    The pool is not Streamlit's cache because the HTTP routes of this process ask it too. Raises BundleError.
    """
    return POOL.get(name)


def is_warm(name: str) -> bool:
    """Whether an answer needs no loading any more."""
    try:
        return POOL.ready(choose(name)) is not None
    except BundleError:
        return False


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


def warm_up() -> None:
    """Make ready, in a thread of its own, what the first visitor would wait for: the page's modules, then the network.

    Importing TensorFlow holds Python's lock for seconds, so a visitor who is already there gets the page first.
    """
    from dashboard.charts import empty_chart

    try:
        empty_chart(card(DEFAULT).classes)
        sample_thumbnails()
        if PAGE_SHOWN.wait(VISITOR_SECONDS):
            time.sleep(DRAWING_SECONDS)
        answer(list_samples()[0].path.read_bytes(), lambda: classifier(DEFAULT))
    except Exception:  # the page says what is wrong when somebody asks; the server must not end
        log.exception("the network could not be warmed up")
