"""A copy of the network on each of several devices: two logical processors stand for two GPUs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.servers import ROOT
from training.engine.callbacks import TrainingError
from training.engine.launch import DeviceError, choose_device, require_cluster_device
from training.engine.mirrored import check_mirrored, even_batch
from training.recipes.recipe import FineTuningSettings, Recipe, ScheduleSettings

pytestmark = pytest.mark.train


def test_two_copies_train_as_one_network_does(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training.engine.mirrored_training", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout.splitlines()[-1])
    assert found["validation"] % 2  # their last batch is not shared evenly
    assert found["together"] == pytest.approx(found["alone"], rel=1e-3)  # cut off after two epochs, and resumed
    assert found["alone"][-1] < found["alone"][0]
    assert found["normalized"][-1] < 0.9 * found["normalized"][0]
    assert found["copies"] == [2]
    assert found["statistics"] > 0
    assert found["different"] == []


@pytest.mark.parametrize(
    ("recipe", "batch", "validation", "words"),
    [
        (Recipe(schedule=ScheduleSettings(prune=0.5)), 64, 100, "schedule.prune goes by each picture's loss"),
        (Recipe(epochs=3, fine_tuning=FineTuningSettings(epochs=1, hold=1.0)), 64, 100, "fine_tuning.hold compares"),
        (Recipe(), 50, 100, "4 GPUs cannot share batches of 50 pictures evenly; set batch_size to 48"),
        (Recipe(), 3, 100, "4 GPUs cannot share batches of 3 pictures evenly; set batch_size to 4"),
        (Recipe(), 64, 3, "4 GPUs cannot share 3 validation pictures"),
    ],
)
def test_what_copies_cannot_share_is_a_sentence(recipe: Recipe, batch: int, validation: int, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        check_mirrored(recipe, batch, validation, 4, 500)
    check_mirrored(Recipe(), 64, 0, 4, 500)


@pytest.mark.parametrize("copies", [2, 3, 4, 8])
def test_no_copy_has_an_empty_share_of_validation_pictures(copies: int) -> None:
    impossible = []
    for pictures in range(copies, 1200):
        size = even_batch(pictures, copies, 500)
        if size is None:
            impossible.append(pictures)
            continue
        assert size % copies == 0 and copies <= size <= 500
        last = pictures % size
        shares = [min(max(last - copy * -(-last // copies), 0), -(-last // copies)) for copy in range(copies)]
        assert last == 0 or all(shares), pictures
    assert all(pictures < 10 * copies**2 for pictures in impossible), impossible


def test_all_gpus_are_of_this_machine_and_have_to_be_there() -> None:
    with pytest.raises(DeviceError, match="sees no GPU on this machine"):
        choose_device("gpu:all")
    with pytest.raises(DeviceError, match="with --ray, --device gpu gives each run a GPU"):
        require_cluster_device("gpu:all")
    with pytest.raises(DeviceError, match="unknown device 'tpu'; devices: auto, cpu, gpu, gpu:all"):
        require_cluster_device("tpu")
