"""Background work: once for each key, a limited number at a time, and not lost with the visitor who started it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from model.common.errors import VitrineError
from model.i18n.number_format import integer
from model.i18n.translations import current_language, ngettext, use_language
from model.i18n.translations import gettext as _

_LOOK_SECONDS = 0.3  # how often a job that waits looks whether it has been cancelled
_log = logging.getLogger(__name__)


class _CancelledError(VitrineError):
    """Ends the work of a job that somebody cancelled."""


@dataclass
class Job:
    """Work under way, or work that failed.

    Attributes:
        total: How many pictures there are; 0 until that is known.
        done: How many of them are done.
        started: time.monotonic() when the first picture was begun; 0 while the job waits for its turn.
        error: Why it failed, in the language of whoever started it; empty if it did not.
        ended: Set when it has succeeded, failed or been cancelled.
        cancelled: Set when somebody wants it to end early.
    """

    total: int = 0
    done: int = 0
    started: float = 0.0
    error: str = ""
    ended: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def fraction(self) -> float:
        """The part that is done, 0 to 1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def begin(self) -> None:
        """Start to measure the time: call it when all that comes before the first picture is done."""
        self.started = time.monotonic()

    def advance(self, done: int) -> None:
        """Note how many pictures are done; ends the work if the job was cancelled."""
        self.done = done
        if self.cancelled.is_set():
            raise _CancelledError

    def progress(self) -> str:
        """Return a phrase that says how far the job is and how long the rest takes."""
        if not self.started:
            return _("Waiting for another test set to be done")
        if not self.done:
            return _("Warming up the network")
        seconds = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        return _("{done} of {total} pictures, {left} left").format(
            done=integer(self.done), total=integer(self.total), left=duration(seconds)
        )


def duration(seconds: float) -> str:
    """Return a rounded duration in the unit that fits, such as `45 seconds` or `2 minutes`."""
    if seconds < 90:
        return ngettext("{count} second", "{count} seconds", round(seconds)).format(count=round(seconds))
    minutes = round(seconds / 60)
    return ngettext("{count} minute", "{count} minutes", minutes).format(count=minutes)


class JobRunner:
    """Runs jobs in threads of their own, at most `limit` at a time; the others wait for their turn.

    Attributes:
        jobs: The jobs that are under way or have failed, by key.
    """

    def __init__(self, limit: int) -> None:
        self.jobs: dict[Hashable, Job] = {}
        self._slots = threading.BoundedSemaphore(limit)
        self._lock = threading.Lock()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn and hold it while the block runs, for short work that its visitor waits for."""
        with self._slots:
            yield

    def find(self, key: Hashable) -> Job | None:
        """Return the job with this key if it is under way or has failed."""
        with self._lock:
            return self.jobs.get(key)

    def start(self, key: Hashable, work: Callable[[Job], object], total: int = 0) -> Job:
        """Start a job, or join the one with the same key that is under way.

        One that failed or is being stopped is begun anew.

        Args:
            key: What the job is about.
            work: Does it, in a thread, in the language of the caller; updates the `Job` it is given.
            total: How many pictures there are, if that is known already.
        """
        with self._lock:
            job = self.jobs.get(key)
            if job is not None and not job.ended.is_set() and not job.cancelled.is_set():
                return job
            job = self.jobs[key] = Job(total)
        arguments = key, job, work, current_language()
        threading.Thread(target=self._run, args=arguments, name="job", daemon=True).start()
        return job

    def forget(self, key: Hashable) -> None:
        """Forget a job that has failed; one that is under way goes on."""
        with self._lock:
            job = self.jobs.get(key)
            if job is not None and job.ended.is_set():
                del self.jobs[key]

    def _forget(self, key: Hashable, job: Job) -> None:
        with self._lock:
            if self.jobs.get(key) is job:  # one that was stopped may have been begun anew
                del self.jobs[key]

    @contextmanager
    def _turn_of(self, job: Job) -> Iterator[None]:
        """Wait for a job's turn and hold it while the block runs; raise _CancelledError if it is cancelled before."""
        while not self._slots.acquire(timeout=_LOOK_SECONDS):
            if job.cancelled.is_set():
                raise _CancelledError
        try:
            yield
        finally:
            self._slots.release()

    def _run(self, key: Hashable, job: Job, work: Callable[[Job], object], language: str) -> None:
        """Do the work. A failed job stays listed until it is tried again; one that ended otherwise is forgotten."""
        try:
            with use_language(language), suppress(_CancelledError), self._turn_of(job):
                job.begin()
                job.advance(0)
                work(job)
            self._forget(key, job)
        except (OSError, ValueError) as error:  # ours are written for users; they are ValueErrors too
            job.error = str(error)
        except Exception as error:
            _log.exception("a background job failed")
            job.error = type(error).__name__
        finally:
            job.ended.set()


WHOLE_SETS = JobRunner(1)  # predictions and features of whole data sets: two at once would both take longer
EXPLANATIONS = JobRunner(max(1, (os.cpu_count() or 2) // 2))  # leaves the other processors to answers
CONVERSIONS = JobRunner(1)  # each holds a network several times in memory
