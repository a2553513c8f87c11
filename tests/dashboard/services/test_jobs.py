"""Background work: once for each key, a limited number at a time, failures heard of."""

from __future__ import annotations

import threading
import time

import pytest

from dashboard.services.jobs import Job, JobRunner, duration
from model.common.errors import BundleError
from model.i18n.translations import current_language, use_language


def test_a_job_that_is_cancelled_ends_early_and_can_begin_again() -> None:
    runner, going, results = JobRunner(1), threading.Event(), list[int]()

    def work(job: Job) -> None:
        for done in range(1, 100):
            job.advance(done)
            going.set()
            assert done == 1 or job.cancelled.wait(60)
        results.append(job.done)

    job = runner.start("set", work, 99)
    assert going.wait(60)
    job.cancelled.set()
    assert job.ended.wait(60)
    assert (job.error, results, runner.find("set")) == ("", [], None)
    again = runner.start("set", lambda job: results.append(job.total), 99)
    assert again is not job and again.ended.wait(60) and results == [99]


def test_a_job_that_is_cancelled_while_it_waits_ends_at_once_and_is_begun_anew() -> None:
    runner, results = JobRunner(1), list[str]()
    with runner.slot():
        job = runner.start("set", lambda _job: results.append("first"))
        job.cancelled.set()
        again = runner.start("set", lambda _job: results.append("second"))
        assert again is not job and runner.find("set") is again
        assert job.ended.wait(60) and runner.find("set") is again
    assert again.ended.wait(60) and results == ["second"]


def test_a_failure_can_be_forgotten_and_work_under_way_cannot() -> None:
    runner, go = JobRunner(1), threading.Event()

    def fail(_job: Job) -> None:
        assert go.wait(60)
        raise OSError("the disk is full")

    job = runner.start("key", fail)
    runner.forget("key")
    assert runner.find("key") is job
    go.set()
    assert job.ended.wait(60) and runner.find("key") is job
    runner.forget("key")
    assert runner.find("key") is None


def test_a_job_runs_once_for_its_key_and_is_forgotten() -> None:
    runner, go, runs = JobRunner(1), threading.Event(), list[str]()

    def work(job: Job) -> None:
        runs.append(current_language())
        assert go.wait(60)
        job.done = 3

    with use_language("pt"):
        job = runner.start("key", work, total=3)
    assert runner.start("key", work) is job is runner.find("key")
    go.set()
    assert job.ended.wait(60)
    assert runner.find("key") is None
    assert (job.fraction, job.error, runs) == (1.0, "", ["pt"])


def test_no_more_than_the_limit_run_at_once() -> None:
    runner, inside, most, lock = JobRunner(2), list[int](), list[int](), threading.Lock()

    def work(_job: Job) -> None:
        with lock:
            inside.append(1)
            most.append(len(inside))
        time.sleep(0.05)
        with lock:
            inside.pop()

    with runner.slot():
        jobs = [runner.start(number, work) for number in range(4)]
        assert not all(job.ended.wait(0.01) for job in jobs)
        assert [job.progress() for job in jobs].count("Waiting for another test set to be done") >= 2
    assert all(job.ended.wait(60) for job in jobs)
    assert max(most) == 2


@pytest.mark.parametrize(
    ("error", "message"),
    [(BundleError("no such network"), "no such network"), (OSError("the disk is full"), "the disk is full")],
)
def test_a_failure_stays_until_it_is_tried_again(error: Exception, message: str) -> None:
    runner = JobRunner(1)

    def fail(_job: Job) -> None:
        raise error

    job = runner.start("key", fail)
    assert job.ended.wait(60)
    assert job.error == message
    assert runner.find("key") is job
    again = runner.start("key", lambda _job: None)
    assert again is not job
    assert again.ended.wait(60)
    assert again.error == "" and runner.find("key") is None


def test_what_nobody_expected_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    job = JobRunner(1).start("key", lambda _job: {}["missing"])
    assert job.ended.wait(60)
    assert job.error == "KeyError"
    assert "a background job failed" in caplog.text


def test_progress_in_words() -> None:
    job = Job(10_000, 2_500, started=time.monotonic() - 10)
    assert job.progress() == "2,500 of 10,000 pictures, 30 seconds left"
    assert Job(10, started=time.monotonic()).progress() == "Warming up the network"
    assert [duration(seconds) for seconds in (1, 45, 100, 3600)] == [
        "1 second",
        "45 seconds",
        "2 minutes",
        "60 minutes",
    ]
