"""Runs side by side on a real cluster; a worker that is killed costs what it did after its last checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers import ROOT
from model.common.ray_cluster import ClusterError
from tests.drawn import draw_folder
from tests.ray_nodes import ray_nodes
from training.engine.ray_runs import Cluster, side_by_side
from training.recipes.recipe import Recipe
from training.runs.run import read_run
from training.runs.run_files import CHECKPOINT, PROCESS, read_json
from training.runs.run_options import RunOptions
from training.runs.series import SeriesRun

TINY = (
    "model.input_size=16",
    "model.widths=[8, 16, 16]",
    "batch_size=8",
    "epochs=6",
    "precision=float32",
    "data.validation=0.2",
)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of a core each."""
    with ray_nodes(monkeypatch) as made:
        made.add_node(num_cpus=1)
        made.wait_for_nodes()
        yield made


def wait_for(happens: Callable[[], object], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 240
    while not happens():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.train
@pytest.mark.filterwarnings("default::ResourceWarning", "default::DeprecationWarning", "default::FutureWarning")
def test_two_seeds_run_side_by_side_and_a_killed_one_goes_on(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VITRINE_HOME", str(tmp_path / "home"))
    data = draw_folder(tmp_path / "shapes", 10)
    refused_before_anything_starts(cluster.address, data)
    command = [sys.executable, "-m", "training", "fit", "--recipe", "fast", "--data", str(data), "--name", "tiny"]
    command += ["--seeds", "2", "--ray", cluster.address, *(word for value in TINY for word in ("--set", value))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    folders = [tmp_path / "home" / "runs" / f"tiny-seed{seed}" for seed in range(2)]

    wait_for(lambda: (folders[0] / CHECKPOINT).exists(), process)
    wait_for(lambda: (folders[1] / PROCESS).exists() or (folders[1] / "metrics.json").exists(), process)
    first, other = (read_json(folder / PROCESS).get("pid") for folder in folders)
    assert first and other and first != other  # at the same time
    rows = (folders[0] / "history.csv").read_text().splitlines()
    os.kill(first, signal.SIGKILL)

    told, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint
    assert "2 runs at a time, with 1 cores each" in told
    assert [read_run(folder).status for folder in folders] == ["finished", "finished"]
    for folder in folders:
        assert read_run(folder).history.epoch == tuple(range(1, 7))
    # The epochs before its last checkpoint are those of the killed process, with the seconds that they took.
    assert (folders[0] / "history.csv").read_text().splitlines()[:2] == rows[:2]
    assert "n 2" in told and "tiny-seed1" in told
    assert not list((tmp_path / "home" / "runs").glob(".vitrine-*"))


def refused_before_anything_starts(address: str, data: Path) -> None:
    def start(cluster: Cluster, data: Path, device: str = "auto") -> None:
        list(side_by_side(cluster, RunOptions(data, device=device), print)([SeriesRun("never", Recipe())]))

    with pytest.raises(ClusterError, match="no node of the cluster has 64 cores for a run; the largest has 1"):
        start(Cluster(address, cores=64), data)
    with pytest.raises(ClusterError, match="no node of the cluster has a GPU"):
        start(Cluster(address), data, "gpu")
    with pytest.raises(ClusterError, match="does not see /nowhere; VITRINE_HOME and the data must be in a folder"):
        start(Cluster(address), Path("/nowhere"))
