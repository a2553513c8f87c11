"""Files of answers that grow as the answers come: JSON lines, CSV and Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from model.common.errors import SettingError
from model.common.extras import require
from model.datasets.splits import utf8_name
from model.i18n.translations import gettext as _
from model.inference.answer_table import BYTE_ORDER_MARK, class_names, columns_of, csv_header, csv_row

Record = dict[str, Any]  # as prediction.to_record makes it
Write = Callable[[Record], object]
_GROUP = 1000  # rows that a Parquet file takes at once


@contextmanager
def open_answers(path: Path | None) -> Iterator[Write]:
    """Open a file of answers; the function takes a record, and what it was given so far is in the file at any end.

    Args:
        path: Its suffix says what it is: .jsonl, .csv or .parquet. An older file is replaced. None writes nothing.

    Raises:
        SettingError: The suffix is another.
        NotInstalled: pyarrow is needed and not there.
        OSError: The file cannot be written.
    """
    if path is None:
        yield lambda _record: None
        return
    try:
        writer = _WRITERS[path.suffix.lower()]
    except KeyError:
        raise SettingError(
            _("{path} is no file of answers: its name ends in {suffixes}").format(
                path=path, suffixes=", ".join(_WRITERS)
            )
        ) from None
    with writer(path) as write:
        yield lambda record: write(record | {"file": utf8_name(record["file"])})


@contextmanager
def _json_lines(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8") as file:
        yield lambda record: file.write(json.dumps(record, ensure_ascii=False) + "\n")


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BYTE_ORDER_MARK)
        table = _CsvTable(file)
        yield table.write
        table.begin()  # where no file had an answer


class _CsvTable:
    """A CSV file whose header waits for the first answer, which names the classes."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._columns = file, list[str]()
        self._classes: dict[int, str] = {}
        self._waiting: list[Record] = []

    def write(self, record: Record) -> None:
        self._waiting.append(record)
        if self._columns or "predictions" in record:
            self.begin()

    def begin(self) -> None:
        """Write the header, if it is not there yet, and the rows that waited for it."""
        if not self._columns:
            self._columns, self._classes = columns_of(self._waiting), class_names(self._waiting)
            self._file.write(csv_header(self._columns, self._classes))
        for record in self._waiting:
            self._file.write(csv_row(record, self._columns, self._classes))
        self._waiting.clear()


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    require("scale")
    from model.batch.parquet import AnswerWriter

    rows, named = list[Record](), False
    with AnswerWriter(path) as file:

        def write(record: Record) -> None:
            nonlocal named
            named = named or "predictions" in record  # the first answer names the classes, and rows wait for it
            rows.append(record)
            if len(rows) >= _GROUP and named:
                file.write(rows)
                rows.clear()

        try:
            yield write
        finally:
            if rows:
                file.write(rows)


_WRITERS = {".jsonl": _json_lines, ".csv": _csv, ".parquet": _parquet}
