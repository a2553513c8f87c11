from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.servers import ROOT
from model.batch.local import run_here
from model.batch.plan import make_plan, task_of
from model.batch.ray_cluster import run_on_ray
from model.common.ray_cluster import ClusterError
from tests.model.batch.pictures import read_answers, write_pictures
from tests.ray_nodes import ray_nodes

PICTURES, SHARD = 20_000, 500


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A node of one core, to which others are added."""
    with ray_nodes(monkeypatch) as made:
        yield made


@pytest.mark.train
@pytest.mark.filterwarnings("default::ResourceWarning", "default::DeprecationWarning", "default::FutureWarning")
def test_a_node_that_is_killed_costs_no_answer(cluster: Any, tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", PICTURES, broken=1234)
    nodes = [cluster.add_node(num_cpus=1) for _number in range(2)]
    cluster.wait_for_nodes()
    out = tmp_path / "out"
    command = [sys.executable, "-m", "model", "batch", str(tmp_path / "pictures"), "--out", str(out)]
    command += ["--shard-size", str(SHARD), "--model", "small", "--engine", "int8", "--ray", cluster.address]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    end = time.monotonic() + 120
    while len(list(out.glob("answers-*"))) < 8 and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.05)
    cluster.remove_node(nodes[1], allow_graceful=False)
    assert len(list(out.glob("answers-*"))) < PICTURES // SHARD  # it was in the middle
    told, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint
    assert "all shards are there" in told

    here = make_plan(task_of(str(tmp_path / "pictures"), "small", "int8", PICTURES), tmp_path / "here")
    list(run_here(here, here.missing(), 1))
    assert read_answers(out) == read_answers(tmp_path / "here")
    assert len(read_answers(out)) == PICTURES


def test_a_cluster_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    write_pictures(tmp_path / "pictures", 2)
    plan = make_plan(task_of(str(tmp_path / "pictures"), "small", "int8", 10), tmp_path / "out")
    # Not `auto`: it would find a cluster that another test has started on this machine.
    with pytest.raises(ClusterError, match="the Ray cluster nowhere cannot be reached"):
        list(run_on_ray(plan, plan.missing(), "nowhere"))
