"""Classify a folder of 640x480 JPEGs on all cores: python -m benchmarks.results.folder [N] [NETWORK]."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from benchmarks.machine import describe_machine, time_calls
from benchmarks.page import make_photos
from benchmarks.servers import ROOT
from model.common.cores import cores
from model.images.decoder import read_image, to_array
from model.inference.classifier import Classifier
from model.inference.parallel import map_in_order

_DIFFERENT = 60  # photographs; the others are links to these
_ROUNDS = 2
_BATCH = 32
_LOOK_SECONDS = 0.2


def _make_folder(folder: Path, n: int) -> list[Path]:
    """Fill a folder with n JPEGs."""
    photos = make_photos(folder, min(n, _DIFFERENT))
    for index in range(len(photos), n):
        os.link(photos[index % len(photos)], folder / f"photo-{index}.jpg")
    return photos


def _run(folder: Path, network: str, engine: str, output: Path) -> tuple[float, float, float]:
    """Return the seconds of the whole command, those to its first line, and its largest memory in MB."""
    words = ["-m", "model", "predict", str(folder), "--model", network, "--engine", engine, "--jsonl"]
    start = time.perf_counter()
    first, memory = 0.0, 0.0
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=file)
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            if not first and output.stat().st_size:
                first = time.perf_counter() - start
            try:
                memory = max(memory, watched.memory_info().rss / 1e6)
            except psutil.NoSuchProcess:
                break
            time.sleep(_LOOK_SECONDS)
    if process.wait():
        raise RuntimeError("the command failed; what it wrote stands above")
    return time.perf_counter() - start, first, memory


def _bound(photos: list[Path], network: str, engine: str) -> tuple[float, float, float]:
    """Return the pictures a second that decoding, the network, and one after the other allow on all cores."""
    classifier = Classifier.load(network, engine)
    shape = classifier.card.input_shape
    contents = [photo.read_bytes() for photo in photos]
    turn = iter(range(sys.maxsize))

    def decode() -> np.ndarray:
        content = contents[next(turn) % len(contents)]
        return to_array(read_image(content, shape.longest), shape)

    decoding = float(np.mean(time_calls(decode, 300))) / cores()
    images = np.stack([decode() for _ in range(_BATCH)])
    asking = float(np.mean(time_calls(partial(_ask, classifier, images), 20))) / _BATCH
    return 1000 / decoding, 1000 / asking, 1000 / (decoding + asking)


def _ask(classifier: Classifier, images: np.ndarray) -> None:
    """Ask the network on all cores: Keras takes a batch with all of them, int8 a picture with each."""
    parts = [images] if classifier.engine == "keras" else np.split(images, len(images))
    list(map_in_order(classifier.probabilities, parts, cores()))


def main(n: int = 10_000, network: str = "best") -> None:
    """Print a row for each engine."""
    print(f"{describe_machine()}, network {network}, {n:,} JPEGs of 640x480")
    print(f"medians of {_ROUNDS} runs with the program's start\n")
    heads = ("seconds", "a second", "first line s", "memory MB", "decoding", "network", "bound", "of it")
    print(f"{'':<8}" + "".join(f"{head:>14}" for head in heads))
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "photographs"
        folder.mkdir()
        photos = _make_folder(folder, n)
        for engine in ("int8", "keras"):
            output = Path(outside) / "answers.jsonl"
            runs = [_run(folder, network, engine, output) for _ in range(_ROUNDS)]
            lines = output.read_bytes().count(b"\n")
            if lines != n:
                raise RuntimeError(f"{n} pictures, {lines} answers")
            seconds, first, memory = np.median(np.array(runs), axis=0)
            decoding, asking, bound = _bound(photos, network, engine)
            rate = n / seconds
            figures = (seconds, rate, first, memory, decoding, asking, bound, rate / bound)
            print(f"{engine:<8}" + "".join(f"{figure:>14,.2f}" for figure in figures), flush=True)


if __name__ == "__main__":
    main(*(int(word) if word.isdigit() else word for word in sys.argv[1:]))  # type: ignore[arg-type]
