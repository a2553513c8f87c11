"""Answers to whole test sets, computed in the background: no visitor waits for another's, and a closed tab loses
nothing."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from model.common.errors import BundleError
from model.datasets.test_set import PictureSet
from model.evaluation.test_set_predictions import load_predictions, predict_all, predictions_file, save_predictions
from model.i18n.number_format import integer
from model.i18n.translations import current_language, ngettext, use_language
from model.i18n.translations import gettext as _
from model.inference.pool import POOL
from model.registry.card import Card

_log = logging.getLogger(__name__)
_Key = tuple[str, str, str]


@dataclass
class Job:
    """A survey under way; started: time.monotonic() of its first picture, 0 while it waits for its turn."""

    total: int
    done: int = 0
    started: float = 0.0
    error: str = ""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def fraction(self) -> float:
        return self.done / self.total if self.total else 1.0

    def progress(self) -> str:
        """How far it is and how long it takes from here, in words."""
        if not self.started:
            return _("Waiting for another test set to be done")
        if not self.done:
            return _("Warming up the network")
        seconds = (time.monotonic() - self.started) / self.done * (self.total - self.done)
        return _("{done} of {total} pictures, {left} left").format(
            done=integer(self.done), total=integer(self.total), left=duration(seconds)
        )


def duration(seconds: float) -> str:
    """About how long, in the unit that fits."""
    if seconds < 90:
        return ngettext("{count} second", "{count} seconds", round(seconds)).format(count=round(seconds))
    minutes = round(seconds / 60)
    return ngettext("{count} minute", "{count} minutes", minutes).format(count=minutes)


JOBS: dict[_Key, Job] = {}
_JOBS_LOCK = threading.Lock()
RUN_LOCK = threading.Lock()  # one survey at a time: two at once would both take longer


def cached_predictions(card: Card, engine: str, pictures: PictureSet) -> np.ndarray | None:
    """The kept answers of a network to a test set, float32 (n, classes), or None; no network is loaded for it."""
    return load_predictions(predictions_file(card, engine, pictures.key), (len(pictures), len(card.classes)))


def find_job(card: Card, engine: str, pictures: PictureSet) -> Job | None:
    """The survey that is under way or has failed."""
    with _JOBS_LOCK:
        return JOBS.get((card.sha256, engine, pictures.key))


def start_job(name: str, card: Card, engine: str, pictures: PictureSet) -> Job:
    """Begin to ask a network about every picture, unless somebody has already."""
    key = card.sha256, engine, pictures.key
    with _JOBS_LOCK:
        job = JOBS.get(key)
        if job is not None and not job.ended.is_set():
            return job
        job = JOBS[key] = Job(len(pictures))
    about = key, job, name, card, pictures, current_language()
    threading.Thread(target=_run_job, args=about, name="survey", daemon=True).start()
    return job


def _run_job(key: _Key, job: Job, name: str, card: Card, pictures: PictureSet, language: str) -> None:
    """Ask, keep, and leave the list; a failure stays on it until somebody tries again, in the language of who asked.

    Nobody is asked where the answers are kept by now: whoever began may have looked just before they were.
    """
    _sha256, engine, _data = key

    def tell(done: int) -> None:
        job.done = done

    try:
        with use_language(language), RUN_LOCK:
            if cached_predictions(card, engine, pictures) is None:
                job.started = time.monotonic()
                classifier = POOL.get(name, engine)
                job.started = time.monotonic()
                rows = predict_all(classifier, pictures.split.images, tell)
                save_predictions(predictions_file(classifier.card, engine, pictures.key), rows)
        with _JOBS_LOCK:
            JOBS.pop(key, None)
    except (BundleError, OSError, ValueError) as error:
        job.error = str(error)
    except Exception as error:
        _log.exception("a test set could not be answered")
        job.error = type(error).__name__
    finally:
        job.ended.set()
