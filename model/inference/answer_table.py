"""Answers as rows of a table: one list of columns for the page's download and the command line's files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from model.inference.prediction import FIELDS

_NESTED = ("looks_like", "looks_like_probability", "prediction_set")  # what a record has objects for
COLUMNS = (*FIELDS, *_NESTED, "note", "error")  # of a table, before the classes
OPTIONAL = ("known_score", "verdict", *_NESTED)  # only some networks fill these
BYTE_ORDER_MARK = "\ufeff"  # without it, Excel takes UTF-8 for the local code page and garbles `ação`


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record (`prediction.to_record`) whose objects are columns: a label, a number, labels with commas."""
    flat = dict(record)
    if like := record.get("looks_like"):
        flat |= {"looks_like": like["label"], "looks_like_probability": round(like["probability"], 6)}
    if one := record.get("prediction_set"):
        flat["prediction_set"] = ", ".join(one["labels"])
    return flat


def class_names(records: Iterable[dict[str, Any]]) -> dict[int, str]:
    """Return the classes that answers name, by index."""
    classes: dict[int, str] = {}
    for record in records:
        classes |= {score["index"]: score["label"] for score in record.get("predictions", [])}
    return dict(sorted(classes.items()))


def columns_of(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return the columns before the classes: those that only some networks fill are there for those alone."""
    return [name for name in COLUMNS if name not in OPTIONAL or any(name in flatten(record) for record in records)]


def csv_header(columns: Sequence[str], classes: dict[int, str]) -> str:
    """Return the first line of a CSV file: the columns, then the classes by name."""
    return _csv_line([*columns, *map(harmless, classes.values())])


def csv_row(record: dict[str, Any], columns: Sequence[str], classes: dict[int, str]) -> str:
    """Return the line of one file's record (`prediction.to_record`): what it says, then a probability a class."""
    probabilities = {score["index"]: f"{score['probability']:.6f}" for score in record.get("predictions", [])}
    flat = flatten(record)
    cells = [harmless(flat.get(name, "")) for name in columns]
    return _csv_line([*cells, *(probabilities.get(index, "") for index in classes)])


def harmless(cell: Any) -> Any:
    """Return what a spreadsheet takes for text or a number: a text that begins like a formula gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _csv_line(cells: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()
