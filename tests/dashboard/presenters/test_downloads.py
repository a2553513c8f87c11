from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

from dashboard.presenters.downloads import to_csv, to_json
from dashboard.presenters.file_answers import Answer, Item
from model.inference.prediction import ClassScore, Prediction

GOOD = Item("cat.jpg", Answer(prediction=Prediction.from_probabilities([0.25, 0.75], ("dog", "cat"), "m", 2.0, "int8")))
BAD = Item("=HYPERLINK(1)", Answer(error="This file is empty."))


def read(items: list[Item]) -> io.StringIO:
    return io.StringIO(to_csv(items).decode("utf-8-sig"), newline="")


def test_json_has_the_command_lines_form() -> None:
    good, bad = json.loads(to_json([GOOD, BAD]))
    assert good == {
        "file": "cat.jpg",
        "category": "cat",
        "predicted_class": "1",
        "index": 1,
        "confidence": 0.75,
        "predictions": [
            {"label": "cat", "index": 1, "probability": 0.75},
            {"label": "dog", "index": 0, "probability": 0.25},
        ],
        "model": "m",
        "engine": "int8",
        "milliseconds": 2.0,
    }
    assert bad == {"file": "=HYPERLINK(1)", "error": "This file is empty."}


def test_csv_has_a_row_a_file_and_a_column_a_class() -> None:
    good, bad = csv.DictReader(read([GOOD, BAD]))
    assert list(good.values()) == [
        "cat.jpg",
        "cat",
        "1",
        "1",
        "0.75",
        "m",
        "int8",
        "2.0",
        "",
        "",
        "0.250000",
        "0.750000",
    ]
    assert (bad["category"], bad["engine"], bad["error"], bad["cat"]) == ("", "", "This file is empty.", "")


def test_the_columns_are_the_fields_of_the_json_object_then_the_classes() -> None:
    record = json.loads(to_json([GOOD]))[0]
    columns = next(csv.reader(read([BAD, GOOD])))
    assert columns == [*(name for name in record if name != "predictions"), "note", "error", "dog", "cat"]


def test_what_a_picture_looks_like_and_its_set_are_columns() -> None:
    prediction = GOOD.answer.prediction
    assert prediction
    like = replace(
        prediction, looks_like=ClassScore("tabby", 281, 0.5), prediction_set=prediction.scores, set_coverage=0.95
    )
    row = next(csv.DictReader(read([Item("cat.jpg", Answer(prediction=like)), BAD])))
    assert (row["looks_like"], row["looks_like_probability"], row["prediction_set"]) == ("tabby", "0.5", "cat, dog")


def test_a_name_that_begins_like_a_formula_is_text_in_a_spreadsheet() -> None:
    _, bad = csv.DictReader(read([GOOD, BAD]))
    assert bad["file"] == "'=HYPERLINK(1)"


def test_so_is_a_class_and_so_is_an_error() -> None:
    prediction = Prediction.from_probabilities([0.25, 0.75], ("+dog", "@cat"), "-m", 2.0, "int8")
    good, bad = csv.DictReader(
        read([Item("a.jpg", Answer(prediction=prediction)), Item("b.jpg", Answer(error="=1+1"))])
    )
    assert (good["category"], good["model"], bad["error"]) == ("'@cat", "'-m", "'=1+1")
    assert list(good)[-2:] == ["'+dog", "'@cat"]
    assert [good["confidence"], good["'+dog"]] == ["0.75", "0.250000"]


def test_excel_reads_accents_by_the_byte_order_mark() -> None:
    content = to_csv([Item("coração.png", Answer(error="Este arquivo está vazio."))])
    assert content.startswith(b"\xef\xbb\xbffile,")
    assert "coração.png" in content.decode("utf-8")
    assert content.count(b"\xef\xbb\xbf") == 1
