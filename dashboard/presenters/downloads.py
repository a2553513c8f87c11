"""Answers as files to keep."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from dashboard.presenters.file_answers import Item
from model.inference.prediction import FIELDS, to_record

COLUMNS = (*FIELDS, "note", "error")  # of a table, before the classes
OPTIONAL = ("known_score", "verdict")


def to_json(items: Sequence[Item]) -> str:
    """One array, an object a file in the order given: the form of `python -m model predict --json`."""
    return json.dumps([record_of(item) for item in items], indent=2, ensure_ascii=False)


def record_of(item: Item) -> dict[str, Any]:
    return to_record(item.name, item.answer.prediction, item.answer.error)


def to_csv(items: Sequence[Item]) -> bytes:
    """A row a file: what the JSON object says of it, or its error, then a column a class with its probability.

    In UTF-8 with a byte order mark: without one, Excel takes the bytes for the local code page and garbles `ação`.
    """
    records = [record_of(item) for item in items]
    classes: dict[int, str] = {}
    for record in records:
        classes |= {score["index"]: score["label"] for score in record.get("predictions", [])}
    indices = sorted(classes)
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    # Columns that only some networks fill are there for those alone.
    columns = [name for name in COLUMNS if name not in OPTIONAL or any(name in record for record in records)]
    writer.writerow([*columns, *(harmless(classes[index]) for index in indices)])
    for record in records:
        shares = {score["index"]: f"{score['probability']:.6f}" for score in record.get("predictions", [])}
        known = [harmless(record.get(name, "")) for name in columns]
        writer.writerow([*known, *(shares.get(index, "") for index in indices)])
    return buffer.getvalue().encode("utf-8-sig")


def harmless(cell: Any) -> Any:
    """What a spreadsheet takes for text or a number: a text that begins like a formula gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
