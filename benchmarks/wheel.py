"""Measure the size and the start of the installed light part: python -m benchmarks.wheel.

It needs the package index: the wheel is installed into a fresh environment as a user would, without extras.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.servers import ADDRESS, ROOT, started

_PICTURE = ROOT / "sample_images" / "frog-brown.png"
_STARTS = 20
_OUR_PACKAGES = ("api", "dashboard", "model", "sample_images", "training", "vitrine")


def install(folder: Path) -> Path:
    """Install the repository's wheel in a fresh environment in `folder`, and return where its packages are."""
    pip("wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    pip("--python", folder / "venv" / "bin" / "python", "install", wheel)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    return packages


def pip(*words: str | Path) -> None:
    """Run pip, which must not find on PYTHONPATH what it is to install."""
    options = {"PYTHONPATH": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "2"}
    subprocess.run([sys.executable, "-m", "pip", *words], env=os.environ | options, check=True)


def _megabytes(folder: Path) -> float:
    """Return the size of a folder in MB."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _time_process(work: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds that `work` returns, and the processor seconds of the processes it ended."""
    before = os.times()
    clock, after = work(), os.times()
    return clock, after.children_user + after.children_system - before.children_user - before.children_system


def _format_row(title: str, times: list[tuple[float, float]]) -> str:
    """Format a row."""
    clock, processor = np.median(times, axis=0)
    return f"{title:<44} n {len(times):>3}   median {clock:.2f} s, of the processor {processor:.2f} s"


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = install(folder)
        program = folder / "venv" / "bin" / "vitrine"
        environment = {"PYTHONPATH": "", "VITRINE_HOME": str(folder / "home")}

        def predict() -> float:
            command = [str(program), "predict", str(_PICTURE)]
            start = time.monotonic()
            subprocess.run(command, cwd=folder, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
            return time.monotonic() - start

        def serve() -> float:
            words = ["api", "--host", ADDRESS, "--port", "PORT"]
            with started(words, environment, program=program, folder=folder) as server:
                return server.ready

        predict()  # modules are compiled and files are in memory
        own = sum(_megabytes(packages / part) for part in _OUR_PACKAGES)
        print(describe_machine())
        print(f"installed without extras: {_megabytes(packages):.0f} MB, {own:.0f} MB of them Vitrine and its networks")
        print(_format_row("vitrine predict, one picture", [_time_process(predict) for _ in range(_STARTS)]))
        print(_format_row("vitrine api, until it answers", [_time_process(serve) for _ in range(_STARTS)]))


if __name__ == "__main__":
    main()
