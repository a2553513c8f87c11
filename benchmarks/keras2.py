"""Which networks of keras.applications load with the numbers of the Keras that saved them.

python -m benchmarks.keras2 PYTHON [NAME ...], where PYTHON is one with an old TensorFlow (or this one's):

    python3.11 -m venv /tmp/tf215 && /tmp/tf215/bin/pip install tensorflow-cpu==2.15.1
    python -m benchmarks.keras2 /tmp/tf215/bin/python

Each network is built there with random weights, saved as .h5 and as .keras, and asked about noise; here it is read as
`model add` reads it, and asked the same. Prints a line of a table for each as soon as it is known.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from model.common.errors import UnsafeModelError
from model.inference.classifier import read_network
from model.intake.add_model import suffix_of

_SAVER_SCRIPT = Path(__file__).parent / "keras2_save.py"
_SUFFIXES = (".h5", ".keras")
_TOLERANCE = 1e-3  # of the spread of the answers; float32 in another order makes about 1e-6 of it


class _Saver:
    """An old Keras in a process of its own, which saves networks into a folder by name."""

    def __init__(self, python: str, folder: Path) -> None:
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        environment.pop("PYTHONPATH", None)
        self.process = subprocess.Popen(
            [python, str(_SAVER_SCRIPT), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def ask(self, line: str) -> dict[str, Any]:
        """Send a line, and return the answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        for said in self.process.stdout:
            if said.startswith("{"):
                answer: dict[str, Any] = json.loads(said)
                return answer
        raise RuntimeError(f"the other Python ended at {line}")


def _compare(path: Path) -> str:
    """Return the largest difference of the outputs, relative to their spread, or why the file is refused."""
    saved = np.load(path.with_suffix(".npz"))
    suffix = suffix_of(path.read_bytes(), path)  # what 2.12 saves as .keras is an HDF5 file
    path = path.rename(path.with_name(f"{path.stem}-read{suffix}"))
    try:
        answers = np.asarray(read_network(path)(saved["pictures"], training=False))
    except UnsafeModelError as error:
        return f"refused: {error}"
    difference = _difference(answers, saved["answers"])
    own = _difference(saved["brighter"], saved["answers"])
    return f"{difference:.0e}" if difference < _TOLERANCE else f"**{difference:.0e}** (own: {own:.0e})"


def _difference(answers: np.ndarray, right: np.ndarray) -> float:
    return float(np.abs(answers - right).max() / np.ptp(right))


def main() -> None:
    """Print a row for each network."""
    with TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        saver = _Saver(sys.argv[1], Path(folder))
        for name in sys.argv[2:] or saver.ask("list")["names"]:
            about = saver.ask(name)
            found = [_compare(Path(folder) / f"{name}{suffix}") for suffix in _SUFFIXES]
            cells = [about["version"], name, f"{about['side']}", f"{about['parameters'] / 1e6:.1f}", *found]
            print(f"| {' | '.join(cells)} |", flush=True)
            keras.backend.clear_session()
            for file in Path(folder).glob(f"{name}*"):
                file.unlink()


if __name__ == "__main__":
    main()
