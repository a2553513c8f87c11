"""How known pictures of other things seem to a network, computed in the background and kept in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dashboard.services import resources
from dashboard.services.jobs import WHOLE_SETS, Job
from model.datasets.splits import DataError
from model.evaluation.strangers import score_strangers
from model.i18n.translations import gettext as _
from model.images.image_files import picture_paths
from model.inference.pool import POOL
from model.registry.card import Card


@dataclass(frozen=True)
class StrangerFile:
    """A picture of another thing: its name, and how its bytes are read."""

    name: str
    read: Callable[[], bytes]


def files_in(folder: Path) -> tuple[str, list[StrangerFile]]:
    """Return a key that changes with the pictures in a folder and below it, and the pictures. Raises DataError."""
    if not folder.is_dir():
        raise DataError(_("{folder} is not a folder on this machine").format(folder=folder))
    try:
        paths = picture_paths(folder)
    except OSError as error:
        raise DataError(
            _("{path} cannot be read: {reason}").format(path=error.filename, reason=error.strerror)
        ) from error
    if not paths:
        raise DataError(_("{folder} holds no pictures").format(folder=folder))
    facts = [(str(path), (about := path.stat()).st_size, about.st_mtime_ns) for path in paths]
    files = [StrangerFile(path.name, path.read_bytes) for path in paths]
    return hashlib.sha256(repr(facts).encode("utf-8", "replace")).hexdigest(), files


def cached_scores(card: Card, engine: str, by_known: bool, key: str) -> np.ndarray | None:
    """Return the scores if they have been computed, float (n,), NaN for what cannot be read."""
    found: np.ndarray | None = resources.RESULTS.peek(_key(card, engine, by_known, key))
    return found


def find_job(card: Card, engine: str, by_known: bool, key: str) -> Job | None:
    """Return the job that computes these scores, if it is under way or has failed."""
    return WHOLE_SETS.find(_key(card, engine, by_known, key))


def start_job(name: str, card: Card, engine: str, by_known: bool, key: str, files: Sequence[StrangerFile]) -> Job:
    """Start to score the files with the network `name`, or join the job that does so already."""
    own = _key(card, engine, by_known, key)

    def work(job: Job) -> None:
        classifier = POOL.get(name, engine)
        job.begin()
        resources.RESULTS.put(own, score_strangers(classifier, [file.read for file in files], by_known, job.advance))

    return WHOLE_SETS.start(own, work, len(files))


def _key(card: Card, engine: str, by_known: bool, key: str) -> Hashable:
    return "strangers", resources.fingerprint(card), repr(card.known), engine, by_known, key
