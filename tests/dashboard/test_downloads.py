from __future__ import annotations

import csv
import io
import json

from dashboard.answers import Answer, Item
from dashboard.downloads import to_csv, to_json
from model.prediction import Prediction

GOOD = Item("cat.jpg", Answer(prediction=Prediction.from_probabilities([0.25, 0.75], ("dog", "cat"), "m", 2.0)))
BAD = Item("=HYPERLINK(1)", Answer(error="This file is empty."))


def test_json_has_the_command_lines_form() -> None:
    good, bad = json.loads(to_json([GOOD, BAD], "m"))
    assert good == {
        "file": "cat.jpg",
        "category": "cat",
        "predicted_class": 1,
        "confidence": 0.75,
        "predictions": [
            {"label": "cat", "index": 1, "probability": 0.75},
            {"label": "dog", "index": 0, "probability": 0.25},
        ],
        "model": "m",
    }
    assert bad == {"file": "=HYPERLINK(1)", "error": "This file is empty."}


def test_csv_has_a_row_a_file_and_a_column_a_class() -> None:
    good, bad = csv.DictReader(io.StringIO(to_csv([GOOD, BAD])))
    assert (good["class"], float(good["probability"]), float(good["dog"]), good["error"]) == ("cat", 0.75, 0.25, "")
    assert (bad["class"], bad["error"]) == ("", "This file is empty.")


def test_a_name_that_begins_like_a_formula_is_text_in_a_spreadsheet() -> None:
    _, bad = csv.DictReader(io.StringIO(to_csv([GOOD, BAD])))
    assert bad["file"] == "'=HYPERLINK(1)"
