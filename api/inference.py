"""Classify pictures outside the event loop: in a few threads, with a bounded queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import TypeVar

from api.bodies import check_size
from api.metrics import Metrics
from api.multipart import File
from api.problems import Problem, busy_problem
from model.common.cores import cores
from model.common.errors import BundleError, UnknownModel
from model.common.extras import NotInstalled
from model.common.settings import Settings
from model.images.decoder import InvalidImage
from model.inference.classifier import Classifier, NoProbabilities
from model.inference.many import classify_many
from model.inference.pool import Choice, Pool, UnknownEngine, choose
from model.inference.prediction import Prediction

_log = logging.getLogger(__name__)
_CHOICE_SECONDS = 0.1  # that another network of the same name is not noticed
_MOST_CHOICES = 100
_LOADERS = 2  # networks loaded at the same time, besides the threads that classify
_Result = TypeVar("_Result")


def classify(classifier: Classifier, content: bytes, keep: bool) -> Prediction:
    """Classify a picture in a thread, and save the answer if that is wanted.

    Args:
        classifier: The classifier.
        content: The bytes of the picture file.
        keep: Whether to save the answer in the history.

    Raises:
        InvalidImage: The bytes are not a picture that can be read.
        NoProbabilities: The network returned something else.
    """
    prediction = classifier.classify(content).prediction
    if keep:
        _save(classifier, content, prediction)
    return prediction


def _save(classifier: Classifier, content: bytes, prediction: Prediction) -> None:
    from model.history import prediction_log

    try:
        prediction_log.save_answer(content, prediction, classifier.card.sha256)
    except BundleError as error:  # the client gets the answer all the same
        _log.error("%s", error)


class Inference:
    """The pool's networks behind threads. Its methods run on one event loop.

    Args:
        settings: The settings.
        pool: The loaded networks.
        metrics: Where the queue's length is shown, and whether the default is loaded.
    """

    def __init__(self, settings: Settings, pool: Pool, metrics: Metrics) -> None:
        self.settings, self.pool, self.metrics = settings, pool, metrics
        self.inside = 0  # requests that wait for a thread or have one
        self.failed = False  # whether the default could not be loaded at the start
        self.threads = ThreadPoolExecutor(settings.threads, "inference")
        self.few = ThreadPoolExecutor(min(settings.threads, 2 * cores()), "inference-int8")
        self.loaders = ThreadPoolExecutor(_LOADERS, "loading")
        self._choices: dict[tuple[str | None, str | None], tuple[float, Choice]] = {}  # and until when each holds
        self.many = ThreadPoolExecutor(settings.threads, "many")  # each waits for what `threads` do of one request

    @contextmanager
    def queue_slot(self) -> Iterator[None]:
        """Hold a place in the queue while the block runs.

        Raises:
            Problem: There is none; the status is 503.
        """
        self.check_queue()
        self.inside += 1
        self.metrics.queue.inc()
        try:
            yield
        finally:
            self.inside -= 1
            self.metrics.queue.dec()

    def check_queue(self) -> None:
        """Check that the queue is not full; this is done before a body is read, too.

        Raises:
            Problem: It is full; the status is 503.
        """
        limit = self.settings.threads + self.settings.queue
        if self.inside >= limit:
            raise busy_problem(f"all {limit} places in the queue are taken; try again in a second")

    async def predict(self, content: bytes, model: str | None, engine: str | None) -> Prediction:
        """Classify a picture.

        Args:
            content: The bytes of the picture file.
            model: The name of a model; None for the default.
            engine: The engine; None for the default.

        Raises:
            Problem: There is no prediction.
        """

        def work() -> Prediction | None:
            ready = self.pool.ready(self.choose(model, engine))
            return classify(ready, content, self.settings.history) if ready else None

        threads = self._threads_for(model, engine)
        prediction = await self.run(threads, work)
        if prediction is not None:
            return prediction
        # Loading takes seconds: it must not occupy the threads of those whose network is ready.
        classifier = await self.run(self.loaders, lambda: self.load(model, engine))
        return await self.run(threads, lambda: classify(classifier, content, self.settings.history))

    def _threads_for(self, model: str | None, engine: str | None) -> ThreadPoolExecutor:
        """Return the threads for a picture: few for an int8 network, which gains nothing from pictures beside it."""
        _until, choice = self._choices.get((model, engine), (0.0, None))
        return self.few if choice is not None and choice.engine == "int8" else self.threads

    async def predict_many(
        self,
        files: Sequence[File],
        model: str | None,
        engine: str | None,
        answer: Callable[[list[Prediction | str]], _Result],
    ) -> _Result:
        """Classify pictures, and return the answer to all of them.

        Args:
            files: The picture files.
            model: As in `predict`.
            engine: As in `predict`.
            answer: Makes the answer, in the same thread, of the predictions; a picture that cannot be read has the
                sentence that says why in the place of its prediction.

        Raises:
            Problem: There are no predictions.
        """
        return await self.run(self.many, lambda: answer(self._classify_all(files, model, engine)))

    def _classify_all(self, files: Sequence[File], model: str | None, engine: str | None) -> list[Prediction | str]:
        ready = self.pool.ready(self.choose(model, engine))
        classifier = ready or self.loaders.submit(self.load, model, engine).result()

        def read(file: File) -> bytes:
            check_size(file)
            return bytes(file.content)

        threads, keep, found = self.settings.threads, self.settings.history, list[Prediction | str]()
        for outcome in classify_many(classifier, files, read, (InvalidImage, Problem), threads, self.threads, keep):
            if outcome.prediction and keep:
                _save(classifier, outcome.content, outcome.prediction)
            found.append(outcome.prediction or outcome.error)
        return found

    def choose(self, model: str | None, engine: str | None) -> Choice:
        """Choose as `model.inference.pool.choose` does; only the server's own default may be a path.

        A choice holds for a moment: looking it up takes a dozen system calls, after each of which a busy thread waits
        for Python's lock again.
        """
        kept, now = self._choices.get((model, engine)), monotonic()
        if kept is not None and now < kept[0]:
            return kept[1]
        name, is_default = self._resolve_name(model)
        choice = choose(name, engine, self.settings.engine, paths=is_default)
        if len(self._choices) >= _MOST_CHOICES:
            self._choices.clear()
        self._choices[model, engine] = now + _CHOICE_SECONDS, choice
        return choice

    def load(self, model: str | None = None, engine: str | None = None) -> Classifier:
        """Return the classifier, and load it first if necessary.

        Raises:
            BundleError: It cannot be loaded.
        """
        name, is_default = self._resolve_name(model)
        return self.pool.get(name, engine, self.settings.engine, paths=is_default)

    def _resolve_name(self, model: str | None) -> tuple[str, bool]:
        """Return the name to look up, and whether it is the server's default."""
        is_default = model in (None, "default")
        return (self.settings.model if is_default else str(model)), is_default

    def default_folder(self) -> Path | None:
        """Return the bundle of the default model, or None if it cannot be read."""
        try:
            return self.choose(None, None).folder
        except BundleError:
            return None

    async def run(self, threads: ThreadPoolExecutor | None, work: Callable[[], _Result]) -> _Result:
        """Run `work` in one of the threads.

        Args:
            threads: The threads; None for asyncio's own.
            work: The work.

        Raises:
            Problem: The work failed.
        """
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
            # Its message contains paths of this machine.
            _log.error("%s", error)
            sentence = "this model cannot be used; the server's log says why"
            raise Problem(HTTPStatus.INTERNAL_SERVER_ERROR, sentence) from error

    def warm_up(self) -> None:
        """Load the default model; if that fails, requests for it will say why."""
        try:
            self.load()
            self.metrics.ready.set(1)
        except Exception as error:
            self.failed = True
            _log.error("the default model is not ready: %s", error)

    def status(self) -> str:
        """Return `ready` once any network is loaded, `failed` if the default model cannot be, else `loading`."""
        return "ready" if self.pool.warm() else "failed" if self.failed else "loading"
