"""Pictures to predictions off the event loop: a few threads, a bounded queue before them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from api.problems import Problem, busy
from api.settings import Settings
from model.common.errors import BundleError, UnknownModel
from model.common.extras import NotInstalled
from model.images.decoder import InvalidImage
from model.inference.classifier import Classifier, NoProbabilities
from model.inference.pool import Choice, Pool, UnknownEngine, choose
from model.inference.prediction import Prediction

log = logging.getLogger(__name__)
LOADERS = 2  # networks loaded at the same time, beside the threads that answer
Result = TypeVar("Result")


def classify(classifier: Classifier, content: bytes, keep: bool) -> Prediction:
    """One picture's prediction, in a thread, kept in the history if that is wanted.

    Raises InvalidImage, or NoProbabilities.
    """
    prediction = classifier.classify(content).prediction
    if keep:
        from model.history import prediction_log

        try:
            prediction_log.keep(content, prediction, classifier.card.sha256)
        except BundleError as error:  # whoever asked gets the answer all the same
            log.error("%s", error)
    return prediction


class Inference:
    """The pool's networks behind threads. Its methods run on one event loop."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self.settings, self.pool = settings, pool
        self.inside = 0  # requests that wait for a thread or have one
        self.failed = False  # whether the default did not load at the start
        self.threads = ThreadPoolExecutor(settings.threads, "inference")
        self.loaders = ThreadPoolExecutor(LOADERS, "loading")

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue. Raises Problem 503 when there is none."""
        self.check_room()
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def check_room(self) -> None:
        """Raises Problem 503 when the queue is full; asked before a body is read, too."""
        most = self.settings.threads + self.settings.queue
        if self.inside >= most:
            raise busy(f"all {most} places in the queue are taken; come back in a second")

    async def predict(self, content: bytes, model: str | None, engine: str | None) -> Prediction:
        """A picture's prediction by a model of the known names. Raises Problem."""

        def work() -> Prediction | None:
            ready = self.pool.ready(self.choose(model, engine))
            return classify(ready, content, self.settings.history) if ready else None

        prediction = await self.run(self.threads, work)
        if prediction is not None:
            return prediction
        # Loading takes seconds: it must not keep the threads from those whose network is ready.
        classifier = await self.run(self.loaders, lambda: self.load(model, engine))
        return await self.run(self.threads, lambda: classify(classifier, content, self.settings.history))

    def choose(self, model: str | None, engine: str | None) -> Choice:
        """As `model.pool.choose`; only the server's own default may be a path."""
        name, is_default = self.named(model)
        return choose(name, engine, self.settings.engine, paths=is_default)

    def load(self, model: str | None = None, engine: str | None = None) -> Classifier:
        """The classifier, loaded if it is not yet. Raises BundleError."""
        name, is_default = self.named(model)
        return self.pool.get(name, engine, self.settings.engine, paths=is_default)

    def named(self, model: str | None) -> tuple[str, bool]:
        """The name to look up, and whether it is the server's default."""
        is_default = model in (None, "default")
        return (self.settings.model if is_default else str(model)), is_default

    def default_folder(self) -> Path | None:
        """The bundle that answers when none is named, if it can be read."""
        try:
            return self.choose(None, None).folder
        except BundleError:
            return None

    async def run(self, threads: ThreadPoolExecutor | None, work: Callable[[], Result]) -> Result:
        """What `work` returns in one of the threads, or of asyncio's own; what it raises, as a Problem."""
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except InvalidImage as error:
            raise Problem(HTTPStatus.BAD_REQUEST, str(error)) from error
        except UnknownModel as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
        except (UnknownEngine, NotInstalled) as error:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error
        except NoProbabilities as error:
            raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from error
        except BundleError as error:
            # Its sentence names folders of this machine.
            log.error("%s", error)
            sentence = "this model cannot be used; the server's log says why"
            raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, sentence) from error

    def warm_up(self) -> None:
        """Load the default; whoever asks for it learns why it does not load."""
        try:
            self.load()
        except Exception as error:
            self.failed = True
            log.error("the default model is not ready: %s", error)

    def status(self) -> str:
        """ready once a network is loaded, whichever: before, whether one still may be."""
        return "ready" if self.pool.warm() else "failed" if self.failed else "loading"
