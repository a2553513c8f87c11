"""Answers as files to keep."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from dashboard.answers import Item
from model.prediction import FIELDS, to_record

COLUMNS = (*FIELDS, "error")  # of a table, before the classes


def to_json(items: Sequence[Item]) -> str:
    """One array, an object a file in the order given: the form of `python -m model predict --json`."""
    return json.dumps([record_of(item) for item in items], indent=2, ensure_ascii=False)


def record_of(item: Item) -> dict[str, Any]:
    return to_record(item.name, item.answer.prediction, item.answer.error)


def to_csv(items: Sequence[Item]) -> str:
    """A row a file: what the JSON object says of it, or its error, then a column a class with its probability."""
    records = [record_of(item) for item in items]
    classes: dict[int, str] = {}
    for record in records:
        classes |= {score["index"]: score["label"] for score in record.get("predictions", [])}
    indices = sorted(classes)
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*COLUMNS, *(classes[index] for index in indices)])
    for record in records:
        shares = {score["index"]: f"{score['probability']:.6f}" for score in record.get("predictions", [])}
        known = record | {"file": harmless(record["file"])}
        writer.writerow([*(known.get(name, "") for name in COLUMNS), *(shares.get(index, "") for index in indices)])
    return buffer.getvalue()


def harmless(name: str) -> str:
    """A file name that a spreadsheet takes for text: one that begins like a formula gets an apostrophe."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
