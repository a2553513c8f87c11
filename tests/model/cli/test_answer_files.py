from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from model.cli import answer_files
from model.cli.answer_files import open_answers
from model.inference.prediction import Prediction, to_record


def test_a_parquet_file_names_the_classes_where_many_files_without_an_answer_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_files, "_GROUP", 3)
    prediction = Prediction.from_probabilities([0.1, 0.9], ("cat", "dog"), "pets", 1.0, "int8")
    failed = [f"{number}.png" for number in range(7)]
    with open_answers(tmp_path / "answers.parquet") as write:
        for name in failed:
            write({"file": name, "error": "This file is empty."})
        write(to_record("dog.png", prediction))
        write({"file": "last.png", "error": "This file is empty."})
    table = pq.read_table(tmp_path / "answers.parquet")
    assert json.loads(table.schema.metadata[b"classes"]) == ["cat", "dog"]
    assert [row["file"] for row in table.to_pylist()] == [*failed, "dog.png", "last.png"]
