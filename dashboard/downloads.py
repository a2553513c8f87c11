"""Answers as files to keep."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from dashboard.answers import Item
from model.prediction import to_record


def to_json(items: Sequence[Item], model: str) -> str:
    """One array, an object a file in the order given: the form of `python -m model predict --json`."""
    records = [to_record(item.name, item.answer.prediction, item.answer.error, model) for item in items]
    return json.dumps(records, indent=2, ensure_ascii=False)


def to_csv(items: Sequence[Item]) -> str:
    """A row a file: file, class, probability, milliseconds, error, then a column a class."""
    classes = next(
        (
            sorted(item.answer.prediction.scores, key=lambda score: score.index)
            for item in items
            if item.answer.prediction
        ),
        [],
    )
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["file", "class", "probability", "milliseconds", "error", *(score.label for score in classes)])
    for item in items:
        prediction = item.answer.prediction
        if prediction is None:
            writer.writerow([harmless(item.name), "", "", "", item.answer.error])
            continue
        row = {score.label: f"{score.probability:.6f}" for score in prediction.scores}
        figures = [f"{prediction.best.probability:.6f}", f"{prediction.milliseconds:.1f}", ""]
        writer.writerow(
            [harmless(item.name), prediction.best.label, *figures, *(row[score.label] for score in classes)]
        )
    return buffer.getvalue()


def harmless(name: str) -> str:
    """A file name that a spreadsheet takes for text: one that begins like a formula gets an apostrophe."""
    return f"'{name}" if name[:1] in "=+-@\t\r" else name
