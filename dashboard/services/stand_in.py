"""The int8 file of the default network answers on the page until TensorFlow is imported and the Keras file loaded."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooSlow
from weakref import WeakKeyDictionary

from model.common.errors import BundleError
from model.inference.classifier import Classifier, loses_at_most
from model.inference.pool import choose
from model.registry.resolution import default_name

_log = logging.getLogger(__name__)
_MAY_LOSE = 0.005  # of the accuracy, 0 to 1: it answers for seconds only, and each answer names its engine
_SECONDS = 5.0  # that a picture waits for the stand-in; it is there before a browser has drawn the page
_loading: Future[Classifier | None] | None = None
_names: WeakKeyDictionary[Classifier, str] = WeakKeyDictionary()  # of the networks that stand-ins belong to


def load_stand_in() -> bool:
    """Load the default network's int8 file if it is about as accurate as the Keras file; return whether it was."""
    global _loading
    _loading = Future()
    loaded = None
    try:
        name = default_name()
        choice = choose(name)
        if choice.engine == "keras" and loses_at_most(choice.card, _MAY_LOSE):
            loaded = Classifier.load(choice.folder, "int8")
            _names[loaded] = name
    except BundleError as error:  # the Keras file may do, and the page says so if it does not
        _log.warning("%s", error)
    finally:
        _loading.set_result(loaded)
    return loaded is not None


def drop_stand_in() -> None:
    """Let the Keras file answer from now on."""
    global _loading
    _loading = None


def stand_in_for(name: str) -> Classifier | None:
    """Return the stand-in for a network, while there is one.

    Raises:
        BundleError: There is no such network.
    """
    future = _loading
    if future is None:
        return None
    try:
        found = future.result(_SECONDS)
    except TooSlow:
        return None
    return found if found and found.card.files == choose(name).card.files else None


def replaced_network(classifier: Classifier) -> str | None:
    """Return the name of the network that a classifier stands in for, or did; None if it is no stand-in."""
    return _names.get(classifier)
