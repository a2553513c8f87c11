"""Time the training of `fast`, beside a plain `model.fit` of the same network: python -m benchmarks.training."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter

import keras
import numpy as np

from benchmarks.machine import describe_machine
from model.datasets.splits import Dataset, Split, empty_split
from model.networks.airbench import prepare_airbench
from model.networks.architectures import build_model
from model.networks.flops import count_flops
from training.engine.batches import TrainingBatches
from training.engine.fit import starting_network
from training.engine.optimizer import dtype_policy
from training.engine.process_environment import ONEDNN, keep_memory, use_onednn
from training.engine.training_loop import TrainingLoop
from training.recipes.recipe import Recipe
from training.recipes.recipe_file import load_recipe
from training.runs.history import read_history

STEPS, _EPOCHS, _ROUNDS = 4, 4, 2  # the first epoch of each training compiles and does not count
_PASSES_PER_STEP = 3  # a training step costs about three forward passes


def noise(recipe: Recipe) -> Dataset:
    """Return random images: their content does not change how long a step takes."""
    rng = np.random.default_rng(0)
    n, size = STEPS * recipe.batch_size, recipe.model.input_size
    train = Split(rng.integers(0, 256, (n, size, size, 3), np.uint8), rng.integers(0, 10, n))
    classes = tuple(str(number) for number in range(10))
    return Dataset("noise", classes, train, empty_split(size), empty_split(size))


def _recipe_rates(recipe: Recipe, dataset: Dataset) -> list[float]:
    """Return the images per second of each epoch, with all the recipe does: augmentation, averaging, checkpoints."""
    with tempfile.TemporaryDirectory() as folder:
        _network, trained = starting_network(recipe, dataset, dtype_policy(recipe))
        batches = TrainingBatches(dataset.train, len(dataset.classes), recipe)
        TrainingLoop(trained, recipe, dataset.validation, batches, Path(folder)).run(False, print)
        seconds = read_history(Path(folder) / "history.csv").seconds
    return [len(dataset.train) / value for value in seconds[1:]]


def _plain_rates(recipe: Recipe, dataset: Dataset) -> list[float]:
    """Return the same for `model.fit` with Keras's defaults and the recipe's batch size, without augmentation."""
    network = build_model(recipe.model.architecture, len(dataset.classes), recipe.model.input_size)
    prepare_airbench(network, dataset.train.images)
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = _EpochClock()
    network.fit(
        dataset.train.images,
        dataset.train.labels,
        batch_size=recipe.batch_size,
        epochs=_EPOCHS,
        verbose=0,
        callbacks=[clock],
    )
    return [len(dataset.train) / value for value in clock.seconds[1:]]


class _EpochClock(keras.callbacks.Callback):  # type: ignore[misc]
    """Measures the seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.started = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start the clock."""
        self.started = perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Stop the clock."""
        self.seconds.append(perf_counter() - self.started)


def _in_own_process(
    rates: Callable[[Recipe, Dataset], list[float]], recipe: Recipe, dataset: Dataset, prepared: bool
) -> list[float]:
    """Measure in a process of its own, because its memory and kernel settings are part of what is measured."""
    given = os.environ.get(ONEDNN)
    if prepared:
        use_onednn()  # here, as the other process imports TensorFlow before it runs anything
    try:
        start = keep_memory if prepared else None
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=start) as pool:
            return pool.submit(rates, recipe, dataset).result()
    finally:
        if given is None:
            os.environ.pop(ONEDNN, None)


def _peak_matmul_rate(dtype: str, side: int = 4096, n: int = 5) -> float:
    """Return the median rate of a plain matrix product, in operations per second."""
    matrix = keras.ops.ones((side, side), dtype)
    times = []
    for _ in range(n + 1):
        start = perf_counter()
        float(keras.ops.cast(keras.ops.matmul(matrix, matrix)[0, 0], "float32"))  # waits for the product
        times.append(perf_counter() - start)
    return float(2 * side**3 / np.median(times[1:]))


def main() -> float:
    """Print the table and return the recipe's pictures a second."""
    recipe = dataclasses.replace(load_recipe("fast"), epochs=_EPOCHS)
    dataset = noise(recipe)
    ours: list[float] = []
    plain: list[float] = []
    for _ in range(_ROUNDS):
        ours += _in_own_process(_recipe_rates, recipe, dataset, True)
        plain += _in_own_process(_plain_rates, recipe, dataset, False)
    dtype = "bfloat16" if dtype_policy(recipe) == "mixed_bfloat16" else "float32"
    peak = _peak_matmul_rate(dtype)
    flops = _PASSES_PER_STEP * count_flops(build_model(recipe.model.architecture, 10))
    print(describe_machine())
    for title, rates in (("recipe fast", ours), ("plain model.fit", plain)):
        low, median, high = np.percentile(rates, [0, 50, 100])
        print(f"{title:<18} n {len(rates)} epochs   median {median:7.1f} pictures/s   {low:.1f} to {high:.1f}")
    share = np.median(ours) * flops / peak
    print(f"the recipe is {np.median(ours) / np.median(plain):.2f} times as fast as the plain fit")
    print(f"{share:.0%} of a {dtype} matrix product's {peak / 1e9:.0f} GFLOP/s ({flops / 1e9:.2f} GFLOP a picture)")
    return float(np.median(ours))


if __name__ == "__main__":
    main()
