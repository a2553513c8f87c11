from __future__ import annotations

from dataclasses import replace

import pytest

from model.inference.prediction import ClassScore, Prediction, to_record

CLASSES = ("cat", "dog", "ship")


def predict(*probabilities: float) -> Prediction:
    return Prediction.from_probabilities(list(probabilities), CLASSES, "fast", 1.23456, "int8")


def test_scores_are_sorted_and_keep_their_index() -> None:
    prediction = predict(0.2, 0.1, 0.7)
    assert prediction.scores == (ClassScore("ship", 2, 0.7), ClassScore("cat", 0, 0.2), ClassScore("dog", 1, 0.1))
    assert prediction.best == ClassScore("ship", 2, 0.7)
    assert (prediction.model, prediction.engine, prediction.milliseconds) == ("fast", "int8", 1.23456)


def test_ties_keep_the_order_of_the_classes() -> None:
    assert [score.label for score in predict(0.25, 0.5, 0.25).scores] == ["dog", "cat", "ship"]


def test_top_gives_k_or_all() -> None:
    prediction = predict(0.2, 0.1, 0.7)
    assert [score.label for score in prediction.top(2)] == ["ship", "cat"]
    assert prediction.top(99) == prediction.scores


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        predict(0.5, 0.5)


def test_record_of_an_answer() -> None:
    assert to_record("ship.jpg", predict(0.2, 0.0, 0.8)) == {
        "file": "ship.jpg",
        "category": "ship",
        "predicted_class": "2",
        "index": 2,
        "confidence": 0.8,
        "predictions": [
            {"label": "ship", "index": 2, "probability": 0.8},
            {"label": "cat", "index": 0, "probability": 0.2},
            {"label": "dog", "index": 1, "probability": 0.0},
        ],
        "model": "fast",
        "engine": "int8",
        "milliseconds": 1.235,
    }


def test_a_record_says_how_known_a_picture_is_where_a_network_can_tell() -> None:
    known = replace(predict(0.2, 0.0, 0.8), known_score=0.123456, verdict="unknown")
    record = to_record("a.jpg", replace(known, looks_like=ClassScore("umbrella", 879, 0.83)))
    assert list(record)[4:8] == ["confidence", "known_score", "verdict", "looks_like"]
    assert (record["known_score"], record["verdict"]) == (0.1235, "unknown")
    assert record["looks_like"] == {"label": "umbrella", "probability": 0.83}
    assert "looks_like" not in to_record("a.jpg", known)


def test_record_of_a_picture_that_is_not_whole_says_so() -> None:
    prediction = Prediction.from_probabilities([1.0], ("cat",), "fast", 1.0, "int8", "This file is cut off.")
    assert to_record("a", prediction)["note"] == "This file is cut off."


def test_record_of_a_failure_holds_only_the_sentence() -> None:
    assert to_record("bad.jpg", None, "This file is empty.") == {"file": "bad.jpg", "error": "This file is empty."}


def test_a_record_lists_the_most_probable_classes_alone_where_that_is_asked() -> None:
    whole, short = to_record("a", predict(0.2, 0.1, 0.7)), to_record("a", predict(0.2, 0.1, 0.7), top_k=1)
    assert short == whole | {"predictions": whole["predictions"][:1]}
