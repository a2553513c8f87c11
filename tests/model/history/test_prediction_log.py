from __future__ import annotations

import hashlib
import io
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import insert

from model.common.errors import StoreError
from model.history import prediction_log
from model.images.thumbnails import THUMBNAIL_SIDE
from model.inference.classifier import NoProbabilities
from model.inference.prediction import Prediction
from model.registry.database import write_connection
from model.registry.tables import ANSWERS
from tests.drawn import encode
from tests.kept_answers import judge

PREDICTION = Prediction.from_probabilities([0.1, 0.7, 0.2], ("cat", "dog", "bird"), "mine", 2.5)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VITRINE_DATABASE", raising=False)
    monkeypatch.delenv("VITRINE_HISTORY", raising=False)
    return tmp_path / "home"


def test_an_answer_is_kept_without_its_picture(home: Path) -> None:
    number = prediction_log.save_answer(b"the picture's bytes", PREDICTION, "ab" * 32, b"small")
    (kept,) = prediction_log.list_answers()
    assert kept.id == number
    assert kept.picture_sha256 == hashlib.sha256(b"the picture's bytes").hexdigest()
    assert (kept.thumbnail, kept.model, kept.model_sha256) == (b"small", "mine", "ab" * 32)
    assert list(kept.probabilities.items()) == [("dog", 0.7), ("bird", 0.2), ("cat", 0.1)]
    assert (kept.label, kept.truth, kept.right) == ("dog", None, None)
    assert all(b"the picture's bytes" not in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_a_thumbnail_is_made_of_the_picture() -> None:
    content = encode(Image.linear_gradient("L").convert("RGB").resize((900, 300)), "PNG")
    prediction_log.save_answer(content, PREDICTION, "")
    small = Image.open(io.BytesIO(prediction_log.list_answers()[0].thumbnail))
    assert (small.format, small.size) == ("JPEG", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))


def test_a_tally_counts_answers_verdicts_and_right_ones() -> None:
    other = replace(PREDICTION, model="other")
    numbers = [prediction_log.save_answer(bytes([n]), PREDICTION, "", b"") for n in range(3)]
    prediction_log.save_answer(b"b", other, "", b"")
    judge(numbers[0], "dog")
    judge(numbers[1], "cat")
    mine, others = prediction_log.count_by_model()
    assert (mine, others) == (prediction_log.Tally("mine", 3, 2, 1), prediction_log.Tally("other", 1, 0, 0))
    assert [mine.count(verdict) for verdict in (True, False, None)] == [1, 1, 1]


def test_answers_can_be_had_by_their_verdict() -> None:
    assert (prediction_log.count_by_model(), prediction_log.judged_classes(), prediction_log.list_answers()) == (
        [],
        [],
        [],
    )
    right, wrong, neither = (prediction_log.save_answer(bytes([n]), PREDICTION, "", b"") for n in range(3))
    judge(right, "dog")
    judge(wrong, "cat")
    for verdict, number in ((True, right), (False, wrong), (None, neither)):
        assert [answer.id for answer in prediction_log.list_answers(right=[verdict])] == [number]
    assert [answer.id for answer in prediction_log.list_answers(2, (None, True))] == [neither, right]


def test_an_answer_of_none_of_the_classes_is_wrong_for_each_of_them() -> None:
    of_none = replace(PREDICTION, known_score=0.1, verdict="unknown")
    number = prediction_log.save_answer(b"a", of_none, "", b"")
    judge(number, "dog")
    (answer,) = prediction_log.list_answers()
    assert answer.label == "dog" and answer.right is False
    assert prediction_log.list_answers(right=[True]) == [] and len(prediction_log.list_answers(right=[False])) == 1
    assert prediction_log.count_by_model() == [prediction_log.Tally("mine", 1, 1, 0)]


def test_a_writer_that_is_killed_loses_no_answer_that_it_had_kept(home: Path) -> None:
    code = (
        "from model.history import prediction_log as history; from model.inference.prediction import Prediction\n"
        "p = Prediction.from_probabilities([0.4, 0.6], ('cat', 'dog'), 'mine', 1.0)\n"
        "while True: print(history.save_answer(b'x', p, '', b'small' * 1000), flush=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    finished = [int(process.stdout.readline()) for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    finished += [int(line) for line in process.stdout.read().splitlines()]
    process.wait()
    process.stdout.close()
    numbers = {answer.id for answer in prediction_log.list_answers()}
    assert set(finished) <= numbers
    assert len(numbers) <= len(finished) + 1
    assert prediction_log.save_answer(b"y", PREDICTION, "", b"") not in numbers


def test_a_verdict_says_right_or_the_right_class() -> None:
    first, second = (prediction_log.save_answer(content, PREDICTION, "", b"") for content in (b"a", b"b"))
    judge(first, "dog")
    judge(second, "cat")
    newest, oldest = prediction_log.list_answers()
    assert (oldest.right, oldest.truth) == (True, "dog")
    assert (newest.right, newest.truth) == (False, "cat")
    judge(second, "dog")
    assert prediction_log.list_answers(limit=1)[0].right is True


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
def test_an_answer_without_probabilities_is_not_kept(value: float) -> None:
    with pytest.raises(NoProbabilities, match="model 'mine' returned something other than probabilities"):
        prediction_log.save_answer(
            b"a", Prediction.from_probabilities([0.1, value], ("cat", "dog"), "mine", 1.0), "", b""
        )
    assert prediction_log.list_answers() == []


def test_answers_without_probabilities_that_are_kept_already_are_passed_over() -> None:
    """Earlier versions kept them, and SQLite's JSON functions do not take what Python writes for such numbers."""
    number = prediction_log.save_answer(
        b"a", Prediction.from_probabilities([0.9, 0.1], ("nan", "Infinity]"), "mine", 1.0), "", b""
    )
    row = {"time": 0.0, "picture_sha256": "", "thumbnail": b"", "model": "mine", "model_sha256": "", "truth": "wolf"}
    with write_connection() as connection:
        for value in (NAN, INFINITY, -INFINITY):
            broken = row | {"probabilities": [["wolf", value], ["cat", 0.2]], "judged": 1.0}
            connection.execute(insert(ANSWERS).values(broken))
    judge(number, "nan")
    assert prediction_log.count_by_model() == [prediction_log.Tally("mine", 1, 1, 1)]
    assert [answer.id for answer in prediction_log.list_answers()] == [number]
    assert [answer.id for answer in prediction_log.list_answers(right=[True])] == [number]
    assert [answer["id"] for answer in prediction_log.export_answers()] == [number]
    assert prediction_log.judged_classes() == ["nan"]
    assert prediction_log.delete_all_answers() == 4


def test_a_verdict_for_nothing_is_a_sentence() -> None:
    with pytest.raises(StoreError, match="no answer number 7"):
        prediction_log.record_feedback(7, "0" * 64, "dog")
    number = prediction_log.save_answer(b"a", PREDICTION, "", b"")
    with pytest.raises(StoreError, match="'wolf' is none of the classes: dog, bird, cat"):
        judge(number, "wolf")


def test_a_verdict_on_a_forgotten_answer_does_not_land_on_a_later_one() -> None:
    number = prediction_log.save_answer(b"a", PREDICTION, "", b"")
    (forgotten,) = prediction_log.list_answers()
    prediction_log.delete_all_answers()
    assert prediction_log.save_answer(b"b", PREDICTION, "", b"") == number
    with pytest.raises(prediction_log.ForgottenError, match=f"no answer number {number}"):
        prediction_log.record_feedback(number, forgotten.picture_sha256, "cat")
    assert prediction_log.list_answers()[0].truth is None


def test_export_gives_everything_but_thumbnails_oldest_first() -> None:
    first = prediction_log.save_answer(b"a", PREDICTION, "", b"small")
    prediction_log.save_answer(b"b", PREDICTION, "", b"small")
    judge(first, "cat")
    exported = list(prediction_log.export_answers())
    assert [answer["id"] for answer in exported] == [first, first + 1]
    assert exported[0]["right"] is False
    assert exported[0]["category"] == "dog"
    assert exported[0]["time"].endswith("+00:00")
    assert "thumbnail" not in exported[0]


def test_a_verdict_is_kept_with_its_answer() -> None:
    prediction_log.save_answer(b"a", replace(PREDICTION, known_score=0.2, verdict="unknown"), "", b"small")
    prediction_log.save_answer(b"b", PREDICTION, "", b"small")
    newer, older = prediction_log.list_answers()
    assert [(one.known_score, one.verdict) for one in (older, newer)] == [(0.2, "unknown"), (None, None)]
    assert [one["verdict"] for one in prediction_log.export_answers()] == ["unknown", None]


@pytest.mark.parametrize("newest_first", [False, True])
def test_answers_are_read_a_few_at_a_time(newest_first: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [prediction_log.save_answer(b"%d" % number, PREDICTION, "", b"small") for number in range(9)]
    monkeypatch.setattr(prediction_log, "CHUNK", 4)
    read, really = [], prediction_log._to_answer
    monkeypatch.setattr(prediction_log, "_to_answer", lambda row: read.append(row.id) or really(row))
    answers = prediction_log.iterate_answers(newest_first)
    first = next(answers)
    assert len(read) <= 4
    prediction_log.save_answer(b"later", PREDICTION, "", b"small")  # what comes meanwhile is not chased
    assert [first.id, *(answer.id for answer in answers)] == (numbers[::-1] if newest_first else numbers)


def test_an_export_begins_before_everything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        prediction_log.save_answer(b"%d" % number, PREDICTION, "", b"small")
    monkeypatch.setattr(prediction_log, "CHUNK", 2)
    monkeypatch.setattr(prediction_log, "list_answers", lambda *_: pytest.fail("everything was read at once"))
    exported = prediction_log.export_answers()
    one = next(exported)
    prediction_log.delete_all_answers()
    assert one["category"] == "dog" and len(list(exported)) < 3


def test_forget_deletes_all(home: Path) -> None:
    assert prediction_log.delete_all_answers() == 0
    assert not home.exists()
    prediction_log.save_answer(b"a", PREDICTION, "", b"")
    assert prediction_log.delete_all_answers() == 1
    assert prediction_log.list_answers() == []


def test_what_is_forgotten_is_in_no_file_any_more(home: Path) -> None:
    for _ in range(20):
        prediction_log.save_answer(b"a", PREDICTION, "", b"small" * 5000)
    full = (home / "vitrine.sqlite").stat().st_size
    with closing(sqlite3.connect(home / "vitrine.sqlite")) as other:  # while it is open, so is the write-ahead log
        assert other.execute("SELECT COUNT(*) FROM answers").fetchone() == (20,)
        assert prediction_log.delete_all_answers() == 20
        files = [path for path in home.rglob("*") if path.is_file() and path.suffix != ".sqlite-shm"]
        assert sum(path.stat().st_size for path in files) < full / 4
        assert not any(b"smallsmall" in path.read_bytes() for path in files)


def test_two_processes_keep_answers_at_once() -> None:
    code = (
        "from model.history import prediction_log as history; from model.inference.prediction import Prediction\n"
        "p = Prediction.from_probabilities([0.4, 0.6], ('cat', 'dog'), 'mine', 1.0)\n"
        "for n in range(20): history.save_answer(b'%d' % n, p, '', b'')"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert len({answer.id for answer in prediction_log.list_answers()}) == 40
