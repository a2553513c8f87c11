"""One shard: its pictures classified, its answers written as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any

from model.batch.parquet import AnswerWriter
from model.batch.plan import BatchError, Plan
from model.batch.sources import read_bytes
from model.common.errors import VitrineError
from model.common.files import atomic_file
from model.i18n.translations import gettext as _
from model.inference.classifier import Classifier
from model.inference.many import Outcome, classify_many
from model.inference.pool import choose
from model.inference.prediction import to_record

_GROUP = 500  # answers that are held at once


class StoppedError(VitrineError):
    """The batch was stopped while a shard was in work."""


@dataclass(frozen=True)
class ShardResult:
    """A shard that is done: how many files it had, how many of them have no answer, and the seconds it took."""

    shard: int
    files: int
    failed: int
    seconds: float


def load_network(plan: Plan) -> Classifier:
    """Load the network of a plan.

    Raises:
        BatchError: The network of that name here is another one.
        BundleError: It cannot be loaded.
    """
    task = plan.task
    if choose(task.model, task.engine, paths=True).key[0] != task.sha256:
        raise BatchError(_("the model {name!r} here is not the one that the batch began with").format(name=task.model))
    return Classifier.load(task.model, task.engine)


def answer_shard(
    plan: Plan, shard: int, classifier: Classifier, threads: int = 0, is_stopped: Callable[[], bool] = lambda: False
) -> ShardResult:
    """Classify a shard's pictures and write the answers: a row a file, with the sentence of one that has none.

    `threads` as in `classify_many`.

    Raises:
        StoppedError: `is_stopped` said so before the end; nothing is written.
        OSError: The answers cannot be written.
    """
    start, failed, files = perf_counter(), 0, 0

    def read(file: str) -> bytes:
        if is_stopped():
            raise StoppedError
        return read_bytes(file)

    records = map(_record_of, classify_many(classifier, plan.files_of(shard), read, threads=threads))
    classes = classifier.card.classes
    with atomic_file(plan.path_of(shard)) as opened, AnswerWriter(opened, classes) as writer:
        for group in _groups(records):
            writer.write(group)
            files, failed = files + len(group), failed + sum("error" in record for record in group)
    return ShardResult(shard, files, failed, perf_counter() - start)


def _record_of(outcome: Outcome[str]) -> dict[str, Any]:
    return to_record(outcome.item, outcome.prediction, outcome.error)


def _groups(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while group := list(islice(records, _GROUP)):
        yield group
