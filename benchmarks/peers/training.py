"""Time the training of `fast`, beside Keras's `fit` and PyTorch: python -m benchmarks.peers.training."""

from __future__ import annotations

import json
import subprocess

import numpy as np

from benchmarks import training
from benchmarks.peers import programs
from benchmarks.servers import ROOT


def main() -> None:
    """Print the tables."""
    programs.check()
    ours = training.main()
    command = [str(programs.PYTHON), "-m", "benchmarks.peers.torch_training"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    low, median, high = np.percentile(found["rates"], [0, 50, 100])
    n = len(found["rates"])
    print(f"{'PyTorch':<18} n {n} epochs   median {median:7.1f} pictures/s   {low:.1f} to {high:.1f}   {found['with']}")
    print(f"the recipe is {ours / median:.2f} times as fast as PyTorch, whose pictures go through no JPEG")


if __name__ == "__main__":
    main()
