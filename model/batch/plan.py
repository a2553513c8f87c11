"""What is to be done: the files of a source, cut into shards once and for all, in the folder of the answers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from model.batch.sources import SourceError, absolute, list_files, to_text
from model.common.errors import VitrineError
from model.common.files import temporary_path
from model.i18n.translations import gettext as _
from model.inference.pool import choose

# A row group a shard, so that one shard's files are read without the others. Whoever reads the folder as one table
# leaves out what begins with an underscore.
PLAN_FILE = "_files.parquet"
_KEY = b"batch"
_SCHEMA = pa.schema([("file", pa.string())])


class BatchError(VitrineError, ValueError):
    """A batch that cannot go on; the message says why and what would be right."""


@dataclass(frozen=True)
class Task:
    """What is asked: which pictures, which network (and the SHA-256 of its file), and how many files a shard has."""

    source: str
    model: str
    engine: str
    sha256: str
    shard_size: int


@dataclass(frozen=True)
class Plan:
    """A task with the folder of its answers, and the numbers of files and shards there are."""

    task: Task
    folder: Path
    files: int
    shards: int

    def path_of(self, shard: int) -> Path:
        """Return the file of a shard's answers."""
        return self.folder / f"answers-{shard:06}.parquet"

    def files_of(self, shard: int) -> list[str]:
        """Return the files of a shard, in order."""
        with pq.ParquetFile(self.folder / PLAN_FILE) as file:
            names: list[str] = file.read_row_group(shard)["file"].to_pylist()
        return names

    def missing(self, share: tuple[int, int] = (0, 1)) -> list[int]:
        """Return the shards without answers so far, of every n-th shard from the i-th on: share is (i, n)."""
        there = {path.name for path in self.folder.iterdir()}
        first, step = share
        return [shard for shard in range(first, self.shards, step) if self.path_of(shard).name not in there]


def task_of(source: str, model: str, engine: str | None, shard_size: int) -> Task:
    """Return the task for a network as it stands now.

    Raises:
        BundleError: There is no such network or engine.
    """
    choice = choose(model, engine, paths=True)
    return Task(absolute(source), model, choice.engine, choice.key[0], shard_size)


def make_plan(task: Task, folder: Path) -> Plan:
    """Return the plan in a folder, or list the source's files and put the plan there.

    Of several processes that begin at the same time one puts its plan there, and the others take that.

    Raises:
        BatchError: The folder holds answers to another task, or cannot be written.
        SourceError: The source cannot be listed, or has no pictures.
    """
    path = folder / PLAN_FILE
    try:
        str(folder).encode()
    except UnicodeEncodeError as error:  # PyArrow opens no such file
        raise BatchError(
            _("{folder} cannot be used for answers: its name is no text in UTF-8; take another folder").format(
                folder=folder
            )
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_plan(task, path)
        held, plan = _read_plan(path)
    except OSError as error:
        raise BatchError(
            _("{folder} cannot be used for answers: {reason}").format(folder=folder, reason=error.strerror or error)
        ) from error
    if held != task:
        name = next(name for name, value in asdict(held).items() if value != getattr(task, name))
        raise BatchError(
            _("{folder} holds answers of another batch: its {name} is {held}, not {asked}; take another folder").format(
                folder=folder, name=name, held=getattr(held, name), asked=getattr(task, name)
            )
        )
    return plan


def _read_plan(path: Path) -> tuple[Task, Plan]:
    """Read a plan. Raises BatchError for a file that is none, OSError."""
    try:
        with pq.ParquetFile(path) as file:
            held = Task(**json.loads(file.schema_arrow.metadata[_KEY]))
            return held, Plan(held, path.parent, file.metadata.num_rows, file.num_row_groups)
    except (ValueError, TypeError, KeyError) as error:
        raise BatchError(
            _("{path} is damaged or from another program; remove it, or take another folder").format(path=path)
        ) from error


def _write_plan(task: Task, path: Path) -> None:
    """List the files, a shard at a time; the file appears whole, and an earlier one stays.

    Raises:
        SourceError: The source cannot be listed, or has no pictures.
    """
    groups = _groups(map(to_text, list_files(task.source)), task.shard_size)
    first = next(groups, None)
    if first is None:  # pictures that come later are to be found
        raise SourceError(_("{source} has no pictures").format(source=task.source))
    temporary = temporary_path(path)
    schema = _SCHEMA.with_metadata({_KEY: json.dumps(asdict(task))})
    try:
        with pq.ParquetWriter(temporary, schema) as writer:
            for names in chain([first], groups):
                writer.write_table(pa.table({"file": names}, schema), row_group_size=task.shard_size)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return  # another process was faster
        except OSError:  # a file system without links
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _groups(names: Iterator[str], size: int) -> Iterator[list[str]]:
    while group := list(islice(names, size)):
        yield group
