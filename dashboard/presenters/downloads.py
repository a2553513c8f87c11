"""Answers as files to download."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dashboard.presenters.file_answers import Item
from model.inference.answer_table import BYTE_ORDER_MARK, class_names, columns_of, csv_header, csv_row
from model.inference.prediction import to_record


def to_json(items: Sequence[Item]) -> str:
    """Return a JSON array with an object for each file, like `python -m model predict --json`."""
    return json.dumps([_record(item) for item in items], indent=2, ensure_ascii=False)


def _record(item: Item) -> dict[str, Any]:
    return to_record(item.name, item.answer.prediction, item.answer.error)


def to_csv(items: Sequence[Item]) -> bytes:
    """Return a row a file: what the JSON object says of it, or its error, then a probability a class."""
    records = [_record(item) for item in items]
    columns, classes = columns_of(records), class_names(records)
    lines = (csv_row(record, columns, classes) for record in records)
    return (BYTE_ORDER_MARK + csv_header(columns, classes) + "".join(lines)).encode()
