"""Kill commands with -9 at random moments: python -m benchmarks.results.kills [N].

Each command is started N times and killed somewhere between its start and its usual end. After every kill what had been
finished before must still be there and be whole; at the end the command runs through, and everything must be there.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.latency import PHOTO
from benchmarks.machine import describe_machine
from benchmarks.servers import ROOT
from model.history.prediction_log import list_answers
from model.registry.locations import BUNDLES
from model.registry.store import list_models, load_content
from training.projects.shelf import list_projects, open_project
from training.runs.history import read_history

_PICTURES = 60
_SHARD = 6
_EPOCHS = 5
_TINY = (
    "model.architecture=residual", "model.input_size=16", "model.widths=[8, 8]", "model.depth=1", "batch_size=8",
    f"epochs={_EPOCHS}", "precision=float32", "optimizer.name=adam", "optimizer.learning_rate=0.01",
)  # fmt: skip


@dataclass(frozen=True)
class _Case:
    """A command, what of it is finished at any moment, and how much there is when it has run through.

    `command` gets the number of the attempt. `finished` raises whatever it meets when something is not whole.
    """

    title: str
    command: Callable[[int], Sequence[str]]
    finished: Callable[[], set[str]]
    least: int
    made: tuple[Path, ...] = ()  # folders that are removed to begin anew, where a whole run leaves nothing to do


def _cases(home: Path, pictures: Path, out: Path) -> list[_Case]:
    """Return the commands."""
    import pyarrow.parquet as pq

    def shard_rows() -> set[str]:
        names = [name for file in out.glob("answers-*.parquet") for name in pq.read_table(file)["file"].to_pylist()]
        if len(names) != len(set(names)):
            raise RuntimeError("a picture was answered twice")
        return set(names)

    def models() -> set[str]:
        for model in list_models():
            load_content(model.card.sha256)
        return {model.card.name for model in list_models()}

    def taught() -> set[str]:
        found = [picture for name in list_projects() for picture in open_project(name).pictures()]
        for picture in found:
            open_project("pictures").content(picture.sha256)
        return {picture.sha256 for picture in found}

    def epochs() -> set[str]:
        file = home / "runs" / "killed" / "history.csv"
        return {str(epoch) for epoch in read_history(file).epoch} if file.is_file() else set()

    network = str(BUNDLES / "fast" / "model-int8.tflite")
    classes = ",".join(map(str, range(10)))
    fit = ["training", "fit", "--recipe", "fast", "--data", str(pictures), "--name", "killed"]
    fit += [word for setting in _TINY for word in ("--set", setting)]
    batch = ["model", "batch", str(pictures), "--out", str(out), "--engine", "int8", "--shard-size", str(_SHARD)]
    return [
        _Case("batch", lambda turn: batch, shard_rows, _PICTURES, (out,)),
        _Case(
            "predict, with history",
            lambda turn: ["model", "predict", str(pictures), "--engine", "int8", "--model", "fast"],
            lambda: {str(answer.id) for answer in list_answers()},
            _PICTURES,
        ),
        _Case("add", lambda turn: ["model", "add", network, "--name", f"n{turn}", "--classes", classes], models, 1),
        _Case("teach", lambda turn: ["training", "teach", str(pictures)], taught, _PICTURES, (home / "teach",)),
        _Case(
            "fit",
            lambda turn: [*fit, "--resume"] if (home / "runs" / "killed").exists() else fit,
            epochs,
            _EPOCHS,
            (home / "runs", home / "bundles"),
        ),
    ]


def _start(words: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        command = [sys.executable, "-m", *words]
        return subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)


def _kill_again_and_again(case: _Case, n: int, output: Path, rng: random.Random) -> int:
    """Start a command n times and kill it; return how many of the runs were killed before their end.

    Raises:
        RuntimeError: Something that was finished is gone, or the command fails.
    """
    before, killed, longest = set[str](), 0, 8.0
    for turn in range(n):
        begun = time.monotonic()
        process = _start(case.command(turn), output)
        try:
            process.wait(rng.uniform(0.05, longest))
            longest = time.monotonic() - begun
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
        if process.returncode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"{case.title} failed:\n{output.read_text()}")
        now = case.finished()
        if lost := before - now:
            raise RuntimeError(f"{case.title}: {len(lost)} finished before are gone after attempt {turn}")
        before = now
        if case.made and len(now) >= case.least:
            for folder in case.made:
                shutil.rmtree(folder, ignore_errors=True)
            before = set()
    if _start(case.command(n), output).wait(600):
        raise RuntimeError(f"{case.title} failed at the end:\n{output.read_text()}")
    if len(case.finished()) < case.least:
        raise RuntimeError(f"{case.title}: {len(case.finished())} of {case.least} are there at the end")
    return killed


def main(n: int = 40) -> None:
    """Print a row for each command."""
    print(f"{describe_machine()}\n")
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pictures = _draw(folder / "pictures")
        os.environ |= {"VITRINE_HOME": str(folder / "home"), "VITRINE_HISTORY": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        for case in _cases(folder / "home", pictures, folder / "answers"):
            killed = _kill_again_and_again(case, n, folder / "output.txt", rng)
            print(f"{case.title:<24} started {n} times, killed {killed}: nothing finished was lost", flush=True)


def _draw(folder: Path) -> Path:
    """Make a folder of pictures with two classes."""
    photo = Image.open(PHOTO).convert("RGB")
    for index in range(_PICTURES):
        path = folder / ("upright" if index % 2 else "turned") / f"{index}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        turned = photo.rotate(0 if index % 2 else 90)
        turned.crop((index, index, turned.width - index, turned.height - index)).resize((240, 180)).save(path)
    return folder


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
