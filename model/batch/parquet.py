"""Answers as Parquet: a row a file, the probabilities of all classes in one column, by index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.inference.answer_table import class_names, flatten

CLASSES = "classes"  # key of the file's metadata: the names of the classes by index, JSON
SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("category", pa.string()),
        ("index", pa.int32()),
        ("confidence", pa.float32()),
        ("known_score", pa.float32()),
        ("verdict", pa.string()),
        ("looks_like", pa.string()),
        ("looks_like_probability", pa.float32()),
        ("prediction_set", pa.string()),
        ("probabilities", pa.list_(pa.float32())),
        ("model", pa.string()),
        ("engine", pa.string()),
        ("milliseconds", pa.float32()),
        ("note", pa.string()),
        ("error", pa.string()),
    ]
)


class AnswerWriter:
    """A Parquet file that takes records (`prediction.to_record`) in groups; it can be read once it is closed.

    Args:
        path: Where it is, or an open file.
        classes: The names of the classes by index; None for those that the first group's answers have.
    """

    def __init__(self, path: Path | Any, classes: Sequence[str] | None = None) -> None:
        self._path, self._classes = path, classes
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> AnswerWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        (self._writer or self._begin([])).close()

    def write(self, records: Sequence[dict[str, Any]]) -> None:
        """Add a group of rows."""
        self._writer = self._writer or self._begin(records)
        rows = [flatten(record) | {"probabilities": _probabilities(record)} for record in records]
        self._writer.write_table(pa.Table.from_pylist(rows, SCHEMA))

    def _begin(self, records: Sequence[dict[str, Any]]) -> pq.ParquetWriter:
        names = list(class_names(records).values()) if self._classes is None else list(self._classes)
        metadata = {CLASSES: json.dumps(names, ensure_ascii=False)}
        return pq.ParquetWriter(self._path, SCHEMA.with_metadata(metadata))


def _probabilities(record: dict[str, Any]) -> list[float] | None:
    """The probabilities of all classes by index, or None for a file without an answer."""
    if "predictions" not in record:
        return None
    return [score["probability"] for score in sorted(record["predictions"], key=lambda score: score["index"])]
