"""Answers that were kept, and verdicts on them."""

from __future__ import annotations

from model.history import prediction_log


def judge(number: int, truth: str) -> None:
    """Judge a kept answer, whatever its picture."""
    picture = next(answer.picture_sha256 for answer in prediction_log.list_answers() if answer.id == number)
    prediction_log.record_feedback(number, picture, truth)
