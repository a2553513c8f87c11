"""Many pictures answered on all cores, in their order: the one way of folders, batches, the page and HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, repeat
from time import monotonic, perf_counter
from typing import Generic, TypeVar

import numpy as np

from model.common.cores import cores
from model.common.errors import BundleError
from model.images.decoder import InvalidImage
from model.inference.classifier import Classification, Classifier, Prepared
from model.inference.parallel import map_in_order, run_ahead
from model.inference.prediction import Prediction

_T = TypeVar("_T")
_Take = Callable[[_T], tuple[bytes, bytes]]  # the bytes of an item's file, and those of them that are kept
Errors = tuple[type[Exception], ...]
Rows = dict[str, np.ndarray]  # as Classifier.rows returns them
_FIRST_PASSES = (1, 4, 16)  # pictures of a Keras network's first passes: the first answer does not wait for others
_PASS = 32  # pictures of the others; larger ones gain nothing
_PATIENCE_SECONDS = 0.5  # after which a pass does not wait to become full
# Pictures that are decoded before their turn: a pass is never short of them, and they take a few megabytes.
_DECODED_AHEAD = 2 * _PASS


@dataclass(frozen=True)
class Outcome(Generic[_T]):
    """What became of one item.

    Attributes:
        item: The item.
        content: The bytes of its picture's file, if they were to be kept and there is an answer; else empty.
        result: The answer, or why there is none.
    """

    item: _T
    content: bytes
    result: Classification | Exception

    @property
    def prediction(self) -> Prediction | None:
        """The answer's prediction, if there is one."""
        return self.result.prediction if isinstance(self.result, Classification) else None

    @property
    def error(self) -> str:
        """A sentence that says why there is no answer; empty if there is one."""
        return str(self.result) if isinstance(self.result, Exception) else ""


@dataclass(frozen=True)
class _Decoded(Generic[_T]):
    """An item whose picture is ready for the network, or why it is not."""

    item: _T
    content: bytes
    picture: Prepared | Exception


def classify_many(
    classifier: Classifier,
    items: Iterable[_T],
    read: Callable[[_T], bytes],
    errors: Errors = (InvalidImage, BundleError),
    threads: int = 0,
    executor: Executor | None = None,
    keep: bool = False,
) -> Iterator[Outcome[_T]]:
    """Yield the outcome of each item, in their order, as they come; memory does not grow with the items.

    An int8 network takes the pictures one by one, in a thread a core. A Keras network uses all cores by itself and is
    fastest with many pictures at a time: they are decoded in threads, and passes of equal size follow each other. There
    `milliseconds` is a picture's share of its pass and of what came before.

    Args:
        classifier: The network.
        items: What has a picture.
        read: Returns the bytes of an item's picture file; it is called in other threads.
        errors: Those of `read` and of the network that become an outcome; others are raised in their turn.
        threads: How many threads decode, and ask an int8 network; 0 for as many as there are cores.
        executor: Whose threads these are, if they are not for this alone.
        keep: Whether the outcomes have the files' bytes: of a hundred and more that wait for their turn, they take
            more memory than all else.
    """

    def take(item: _T) -> tuple[bytes, bytes]:
        content = read(item)
        return content, content if keep else b""

    threads = threads or cores()
    ahead = threads if executor else None  # what others have to do is not to wait behind more than that
    if classifier.engine == "keras":
        decoded = map_in_order(
            lambda item: _decode(classifier, item, take, errors), items, threads, executor, ahead or _DECODED_AHEAD
        )
        with closing(decoded):
            for group, rows, milliseconds in run_ahead(_run_pass(classifier, group) for group in _in_groups(decoded)):
                yield from _outcomes(classifier, group, rows, milliseconds, errors)
    else:
        yield from map_in_order(lambda item: _classify(classifier, item, take, errors), items, threads, executor, ahead)


def _classify(classifier: Classifier, item: _T, take: _Take[_T], errors: Errors) -> Outcome[_T]:
    try:
        content, kept = take(item)
        return Outcome(item, kept, classifier.classify(content))
    except errors as error:
        return Outcome(item, b"", error)


def _decode(classifier: Classifier, item: _T, take: _Take[_T], errors: Errors) -> _Decoded[_T]:
    try:
        content, kept = take(item)
        return _Decoded(item, kept, classifier.prepare(content))
    except errors as error:
        return _Decoded(item, b"", error)


def _in_groups(decoded: Iterable[_Decoded[_T]]) -> Iterator[list[_Decoded[_T]]]:
    """Yield the pictures of each pass."""
    sizes = chain(_FIRST_PASSES, repeat(_PASS))
    group, size, begun = list[_Decoded[_T]](), next(sizes), monotonic()
    for one in decoded:
        group.append(one)
        if len(group) == size or monotonic() - begun > _PATIENCE_SECONDS:
            yield group
            group, size, begun = [], next(sizes), monotonic()
    if group:
        yield group


def _run_pass(classifier: Classifier, group: list[_Decoded[_T]]) -> tuple[list[_Decoded[_T]], Rows, float]:
    """Return the group, the network's rows for the pictures in it, and the milliseconds for each."""
    pictures = [one.picture.seen for one in group if isinstance(one.picture, Prepared)]
    if not pictures:
        return group, {}, 0.0
    start = perf_counter()
    rows = classifier.rows(np.stack(pictures))
    return group, rows, (perf_counter() - start) * 1000 / len(pictures)


def _outcomes(
    classifier: Classifier, group: list[_Decoded[_T]], rows: Rows, milliseconds: float, errors: Errors
) -> Iterator[Outcome[_T]]:
    place = 0
    for one in group:
        if isinstance(one.picture, Exception):
            yield Outcome(one.item, b"", one.picture)
            continue
        own = {name: values[place : place + 1] for name, values in rows.items()}
        place += 1
        try:
            outcome = Outcome(one.item, one.content, classifier.conclude(one.picture, own, milliseconds))
        except errors as error:
            outcome = Outcome(one.item, b"", error)
        yield outcome
