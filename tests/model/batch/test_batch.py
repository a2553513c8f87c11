from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from benchmarks.servers import ROOT
from model.__main__ import app
from model.batch.local import run_here
from model.batch.plan import BatchError, Plan, make_plan, task_of
from model.batch.shards import load_network
from model.common.errors import BundleError
from model.registry.card import INT8_FILE, read_card
from model.registry.resolution import find_bundle
from tests.model.batch.pictures import read_answers, write_pictures

Answers = dict[str, tuple[object, object, object]]
NETWORK = ("--model", "small", "--engine", "int8")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures(folder, 60, broken=7)
    return folder


@pytest.fixture(scope="module")
def answers(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What a run in one process answers."""
    out = tmp_path_factory.mktemp("answers")
    plan = make_plan(task_of(str(pictures), "small", "int8", 1000), out)
    list(run_here(plan, plan.missing(), 1))
    return dict(read_answers(out))


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["batch", *map(str, arguments)])


def test_a_row_a_file_and_a_sentence_for_a_broken_one(pictures: Path, answers: Answers) -> None:
    assert len(answers) == 60
    index, probabilities, error = answers[str(pictures / "000" / "000007.png")]
    assert (index, probabilities) == (None, None)
    assert str(error).startswith("This file is not an image")
    index, probabilities, error = answers[str(pictures / "000" / "000008.png")]
    assert isinstance(probabilities, list)
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    assert (probabilities.index(max(probabilities)), error) == (index, None)


def test_shards_are_done_once_and_the_command_goes_on(pictures: Path, tmp_path: Path, answers: Answers) -> None:
    first = call(pictures, "--out", tmp_path, "--shard-size", 16, "--workers", 2, *NETWORK)
    assert first.exit_code == 0, first.output
    assert "60 files in 4 shards" in first.stdout
    assert "1 could not be read" in first.stdout
    assert read_answers(tmp_path) == answers
    (tmp_path / "answers-000002.parquet").unlink()
    before = (tmp_path / "answers-000001.parquet").stat().st_mtime_ns
    again = call(pictures, "--out", tmp_path, "--shard-size", 16, *NETWORK)
    assert "16 files in 1 shards done" in again.stdout
    assert (tmp_path / "answers-000001.parquet").stat().st_mtime_ns == before
    assert read_answers(tmp_path) == answers
    assert "all shards are there" in call(pictures, "--out", tmp_path, "--shard-size", 16, *NETWORK).stdout


def test_jobs_share_the_shards(pictures: Path, tmp_path: Path, answers: Answers) -> None:
    one = call(pictures, "--out", tmp_path, "--shard-size", 10, "--shard", "1/2", *NETWORK)
    assert "30 files in 3 shards done" in one.stdout
    assert "3 shards are left to other jobs" in one.stdout
    assert (
        "all shards are there"
        in call(pictures, "--out", tmp_path, "--shard-size", 10, "--shard", "0/2", *NETWORK).stdout
    )
    assert read_answers(tmp_path) == answers


@pytest.mark.parametrize(("shard", "status"), [("2/2", 2), ("1", 2), ("-1/2", 2)])
def test_a_share_that_makes_no_sense_is_a_sentence(pictures: Path, tmp_path: Path, shard: str, status: int) -> None:
    result = call(pictures, "--out", tmp_path, f"--shard={shard}", *NETWORK)
    assert result.exit_code == status
    assert "i from 0 to n - 1" in result.stderr


def test_another_task_in_the_same_folder_is_refused(pictures: Path, tmp_path: Path) -> None:
    call(pictures, "--out", tmp_path, "--shard-size", 60, *NETWORK)
    other = call(pictures, "--out", tmp_path, "--shard-size", 30, *NETWORK)
    assert other.exit_code == 1
    assert "its shard_size is 60, not 30; take another folder" in other.stderr
    assert "is no folder" in call(tmp_path / "gone", "--out", tmp_path / "new", *NETWORK).stderr
    (tmp_path / "file").write_text("")
    assert "cannot be used for answers" in call(pictures, "--out", tmp_path / "file", *NETWORK).stderr
    assert "unknown model 'nobody'" in call(pictures, "--out", tmp_path / "x", "--model", "nobody").stderr


def test_a_source_without_pictures_is_looked_at_again(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for _attempt in range(2):
        result = call(source, "--out", out, *NETWORK)
        assert result.exit_code == 1
        assert f"error: {source} has no pictures" in result.stderr
        assert list(out.iterdir()) == []
    write_pictures(source, 2)
    assert "2 files in 1 shards" in call(source, "--out", out, *NETWORK).stdout


def test_a_name_that_is_no_utf8_costs_no_other_picture_its_answer(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    paths = write_pictures(source, 2)
    strange = Path(paths[0]).rename(Path(paths[0]).with_name("caf\udce9.png"))
    result = call(source, "--out", out, *NETWORK)
    assert result.exit_code == 0, result.output
    assert "1 could not be read" in result.stdout
    answers = read_answers(out)
    assert answers[paths[1]][2] is None
    error = answers[str(strange.with_name("caf\ufffd.png"))][2]
    assert error == "The path of this file is no text in UTF-8; rename it, or the folder it lies in."


def test_a_folder_of_answers_that_is_no_utf8_is_a_sentence(pictures: Path, tmp_path: Path) -> None:
    result = call(pictures, "--out", tmp_path / os.fsdecode(b"answers\xff"), *NETWORK)
    assert result.exit_code == 1
    assert "cannot be used for answers: its name is no text in UTF-8; take another folder" in result.output
    assert not list(tmp_path.iterdir())


def test_a_network_that_changed_meanwhile_is_refused(pictures: Path, tmp_path: Path) -> None:
    plan = make_plan(task_of(str(pictures), "small", "int8", 60), tmp_path)
    other = Plan(task_of(str(pictures), "fast", "int8", 60), tmp_path, plan.files, plan.shards)
    mixed = Plan(plan.task.__class__(**{**vars(plan.task), "sha256": other.task.sha256}), tmp_path, 60, 1)
    with pytest.raises(BatchError, match="is not the one that the batch began with"):
        load_network(mixed)


def test_why_a_network_cannot_be_loaded_is_told_by_several_processes_too(pictures: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "mine"
    shutil.copytree(find_bundle("small"), bundle)
    (bundle / INT8_FILE).write_bytes((bundle / INT8_FILE).read_bytes() + b"x")
    plan = make_plan(task_of(str(pictures), str(bundle), "int8", 30), tmp_path / "out")
    with pytest.raises(BundleError, match="its SHA-256 differs"):
        list(run_here(plan, plan.missing(), 2))


def test_the_classes_are_named_where_the_first_files_have_no_answers(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    assert call(tmp_path, "--out", out, *NETWORK).exit_code == 0
    (shard,) = out.glob("answers-*.parquet")
    names = json.loads(pq.read_schema(shard).metadata[b"classes"])
    assert names == list(read_card(find_bundle("small")).classes)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "many", 3000)
    return tmp_path / "many"


def started(many: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "model", "batch", str(many), "--out", str(out), "--shard-size", "50", *NETWORK]
    return subprocess.Popen(
        [*command, "--workers", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


def wait_for_shards(out: Path, count: int) -> None:
    end = time.monotonic() + 60
    while len(list(out.glob("answers-*"))) < count:
        assert time.monotonic() < end
        time.sleep(0.02)


def children(process: subprocess.Popen[str]) -> Iterator[psutil.Process]:
    for child in psutil.Process(process.pid).children(recursive=True):
        if "spawn_main" in " ".join(child.cmdline()):
            yield child


def test_killed_at_any_moment_it_goes_on(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for count in (3, 12):
        process = started(many, out)
        wait_for_shards(out, count)
        workers = list(children(process))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
        psutil.wait_procs(workers, timeout=20)
        assert not [worker for worker in workers if worker.is_running()]  # they do not outlive it
        for path in out.glob("answers-*"):
            assert pq.read_metadata(path).num_rows == 50  # whole, or not there
    process = started(many, out)
    told, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    assert "all shards are there" in told
    assert len(read_answers(out)) == 3000


def test_a_worker_that_is_killed_is_replaced(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = started(many, out)
    wait_for_shards(out, 3)
    next(children(process)).kill()
    told, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    assert "all shards are there" in told
    assert len(read_answers(out)) == 3000


def test_ctrl_c_ends_it_at_once_and_says_how_to_go_on(many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = started(many, out)
    wait_for_shards(out, 3)
    process.send_signal(signal.SIGINT)
    _told, complaint = process.communicate(timeout=20)
    assert process.returncode == 1
    assert complaint.strip() == "stopped; run the same command again to go on"
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("content", [b"x", b"PAR1 and no more"])
def test_a_damaged_plan_is_a_sentence(pictures: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "_files.parquet").write_bytes(content)
    result = call(pictures, "--out", tmp_path, *NETWORK)
    assert result.exit_code == 1 and "is damaged or from another program; remove it" in result.output


def test_a_table_of_another_program_is_no_plan(pictures: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"file": ["a"]}), tmp_path / "_files.parquet")
    result = call(pictures, "--out", tmp_path, *NETWORK)
    assert result.exit_code == 1 and "is damaged or from another program; remove it" in result.output
