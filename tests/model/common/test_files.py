"""Files and folders that are whole or not there, whoever reads, writes or is killed meanwhile."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from model.common.files import (
    ABANDONED_SECONDS,
    atomic_file,
    atomic_folder,
    is_temporary,
    remove_abandoned,
    temporary_path,
    write_atomic,
)
from model.evaluation.test_set_predictions import save_predictions
from model.registry.card import CARD_FILE, KERAS_FILE, read_card, write_card
from model.registry.locations import own_folders
from tests.shipped import FAST_CARD
from training.runs.run import list_runs, own_runs_folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def careful() -> Iterator[None]:
    """New files are for this user and the group alone."""
    before = os.umask(0o027)
    yield
    os.umask(before)


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    write_atomic(path, "old")
    with atomic_file(path) as file:
        file.write("neu, aber größer".encode())
        file.flush()
        assert path.read_text("utf-8") == "old"
    assert path.read_text("utf-8") == "neu, aber größer"
    assert names(tmp_path) == {"notes.txt"}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("no")])
def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, error: BaseException) -> None:
    write_atomic(tmp_path / "notes.txt", "old")
    with pytest.raises(type(error)), atomic_file(tmp_path / "notes.txt") as file:
        file.write(b"half")
        raise error
    assert (tmp_path / "notes.txt").read_text() == "old"
    assert names(tmp_path) == {"notes.txt"}


def test_a_disk_that_takes_no_more_leaves_the_old_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "notes.txt", "old")
    code = (
        "import resource, signal, sys, pathlib; from model.common.files import write_atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "write_atomic(pathlib.Path(sys.argv[1]), b'x' * 100_000)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "notes.txt")], capture_output=True, check=False)
    assert done.returncode == 1 and b"OSError" in done.stderr
    assert (tmp_path / "notes.txt").read_text() == "old"
    assert names(tmp_path) == {"notes.txt"}


def test_threads_of_one_process_may_write_the_same_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_atomic(tmp_path / "notes.txt", str(number) * 10_000), range(64)))
    text = (tmp_path / "notes.txt").read_text()
    assert len(set(text)) <= 2 and text[:2] * 5000 in text + text
    assert names(tmp_path) == {"notes.txt"}


@pytest.mark.usefixtures("careful")
def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "notes.txt", "mine")
    with atomic_folder(tmp_path / "folder", "notes.txt") as folder:
        (folder / "notes.txt").write_text("mine")
    assert [mode(tmp_path / name) for name in ("notes.txt", "folder", "folder/notes.txt")] == [0o640, 0o750, 0o640]


def test_a_link_that_somebody_laid_out_is_not_written_through(tmp_path: Path) -> None:
    folder, victim = tmp_path / "bundle", tmp_path / "victim.txt"
    folder.mkdir()
    victim.write_text("precious")
    for name in (f"{CARD_FILE}.new", f"answers.npy.{os.getpid()}.new"):
        (folder / name).symlink_to(victim)
    write_card(folder, FAST_CARD)
    save_predictions(folder / "answers.npy", np.zeros((2, 3)))
    assert victim.read_text() == "precious"
    assert not (folder / CARD_FILE).is_symlink() and not (folder / "answers.npy").is_symlink()


def test_what_killed_processes_left_goes_a_day_later(tmp_path: Path) -> None:
    old, young, folder = (temporary_path(tmp_path / "any") for _ in range(3))
    other = tmp_path / ".vitrine-notes"
    folder.mkdir()
    for path in (old, young, other, folder / "model.keras"):
        path.write_text("half")
    for path in (old, other, folder):
        moment = path.stat().st_mtime - ABANDONED_SECONDS - 60
        os.utime(path, (moment, moment))
    write_atomic(tmp_path / "notes.txt", "whole")
    assert names(tmp_path) == {"notes.txt", young.name, other.name}
    remove_abandoned(tmp_path / "missing")


def test_listing_the_runs_clears_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    run = own_runs_folder() / "mine"
    run.mkdir(parents=True)
    (run / "recipe.toml").write_text("")
    left = temporary_path(run / "checkpoint.npz")
    left.write_bytes(b"half a checkpoint")
    os.utime(left, (0, 0))
    list_runs()
    assert names(run) == {"recipe.toml"}


def write_bundle(path: Path, number: int) -> None:
    with atomic_folder(path, CARD_FILE) as folder:
        (folder / KERAS_FILE).write_bytes(b"%d" % number)
        write_card(folder, dataclasses.replace(FAST_CARD, name=path.name))


def test_a_bundle_that_is_replaced_is_there_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    path, ended, missing = tmp_path / "bundles" / "mine", threading.Event(), []

    def look() -> None:
        while not ended.is_set():
            if "mine" not in own_folders() or read_card(path).name != "mine":
                missing.append(1)

    write_bundle(path, 0)
    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(look) for _ in range(2)]
        for number in range(1, 101):
            write_bundle(path, number)
        ended.set()
    assert [reader.result() for reader in readers] == [None, None] and not missing
    assert (path / KERAS_FILE).read_bytes() == b"100"
    assert names(path.parent) == {"mine"}


def test_a_bundle_that_is_being_made_is_no_model_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path))
    shipped = set(own_folders())
    with pytest.raises(KeyboardInterrupt), atomic_folder(tmp_path / "bundles" / "mine", CARD_FILE) as folder:
        write_card(folder, FAST_CARD)
        assert set(own_folders()) == shipped
        assert is_temporary(folder)
        raise KeyboardInterrupt
    assert names(tmp_path / "bundles") == set()
