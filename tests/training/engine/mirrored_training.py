"""Trains tiny recipes on one processor and in a copy on each of two logical ones; prints what came of it as JSON.

How many logical processors there are is settled before TensorFlow computes anything, so this is a process of its own.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from model.datasets.loader import load_dataset
from tests.drawn import draw_folder
from training.engine import export
from training.engine.callbacks import RunWriter
from training.engine.fit import fit
from training.engine.mirrored import mirror
from training.engine.training_loop import TrainingLoop
from training.recipes.recipe_file import load_recipe
from training.runs.run import read_run

SHARED = ("model.input_size=16", "model.widths=[8, 16, 16]", "batch_size=16", "precision=float32", "epochs=3")
PLAIN = ("optimizer.name=adam", "optimizer.learning_rate=0.001", "schedule.name=constant", "augmentation.shift=2")
Settings = tuple[str, ...]
trained: list[Any] = []
cut: list[int] = []  # the epochs, counted from 0, in which a run is cut off once


def two_processors() -> Any:
    """The strategy for two of them."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return mirror(["cpu:0", "cpu:1"])


def change_training() -> None:
    """Leave out the int8 file and the figures, remember the networks, and cut off what is to be cut off."""
    export.quantize = lambda network, images, path: None  # type: ignore[assignment]
    export.with_figures = lambda card, bundle, dataset: card  # type: ignore[assignment]
    run, on_epoch_end = TrainingLoop.run, RunWriter.on_epoch_end

    def remember(self: TrainingLoop, resume: bool, log: Any) -> str:
        trained.append(self.network)
        return run(self, resume, log)

    def maybe_cut(self: RunWriter, epoch: int, logs: Any = None) -> None:
        if epoch in cut:
            cut.remove(epoch)
            raise ConnectionAbortedError
        on_epoch_end(self, epoch, logs)

    TrainingLoop.run, RunWriter.on_epoch_end = remember, maybe_cut  # type: ignore[method-assign]


def main(folder: Path) -> None:
    """Train into a folder."""
    strategy = two_processors()
    change_training()
    dataset = load_dataset(draw_folder(folder / "shapes", 40), 16, validation=0.2, test=0.1)

    def train(
        title: str, name: str, settings: tuple[str, ...], copies: Any = None, resume: bool = False
    ) -> list[float]:
        recipe = load_recipe(name, (*SHARED, *settings))
        fit(recipe, dataset, folder / title, folder / f"{title}-bundle", resume, lambda line: None, strategy=copies)
        return list(read_run(folder / title).history.loss)

    alone = train("alone", "vgg3-plain", PLAIN)
    cut.append(2)
    with suppress(ConnectionAbortedError):
        train("together", "vgg3-plain", PLAIN, strategy)
    together = train("together", "vgg3-plain", PLAIN, strategy, resume=True)
    normalized = train("normalized", "fast", (), strategy)
    weights = trained[-1].weights
    copies = [[np.asarray(part) for part in strategy.experimental_local_results(v.value)] for v in weights]
    content = {
        "validation": len(dataset.validation),
        "alone": alone,
        "together": together,
        "normalized": normalized,
        "copies": sorted({len(parts) for parts in copies}),
        "statistics": sum("moving" in variable.path for variable in weights),
        "different": [v.path for v, parts in zip(weights, copies, strict=True) if (parts[0] != parts[1]).any()],
    }
    print(json.dumps(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
