"""Measure what an adaptive temperature gains over one temperature: python -m benchmarks.calibration --data DIR.

Half of a network's validation images, drawn anew each time, decide the temperatures, and the other half measures them.
Then all of them decide, and test images drawn with replacement measure. Of a network that has an expert for tiles, this
is about the network itself, before the expert joins in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import keras
import numpy as np
import typer

from benchmarks.machine import describe_machine
from model.datasets.loader import load_dataset
from model.datasets.splits import Split
from model.evaluation.scores import calibration_error
from model.inference.classifier import read_network
from model.registry.card import CARD_FILE, KERAS_FILE, read_card
from model.registry.locations import BUNDLES
from model.signature.outputs import softmax
from training.engine.calibration import (
    LOGITS,
    RepeatedSplit,
    fit_adaptive_temperature,
    fit_temperature,
    negative_log_likelihood,
    with_jpeg_copies,
)
from training.recipes.recipe_file import load_recipe

_Calibration = Callable[[np.ndarray], np.ndarray]  # logits (n, classes) to calibrated ones


class Logits(NamedTuple):
    """Logits, float (n, classes), and labels, int (n,), of images in `copies` versions, one version after another."""

    logits: np.ndarray
    labels: np.ndarray
    copies: int = 1

    def take(self, pictures: np.ndarray) -> Logits:
        """Return those of these images, in every version."""
        rows = np.concatenate([pictures + copy * (len(self.labels) // self.copies) for copy in range(self.copies)])
        return Logits(self.logits[rows], self.labels[rows], self.copies)


def predict_logits(network: keras.Model, split: Split) -> Logits:
    """Return the network's logits for a split."""
    to_logits = keras.Model(network.input, network.get_layer(LOGITS).output)
    logits = to_logits.predict(split.images, batch_size=256, verbose=0).astype(np.float64)
    return Logits(logits, split.labels, split.copies if isinstance(split, RepeatedSplit) else 1)


def _one_temperature(fitted: Logits) -> _Calibration:
    temperature = fit_temperature(*fitted)
    return lambda logits: logits / temperature


def _adaptive_temperature(fitted: Logits) -> _Calibration:
    adaptive = fit_adaptive_temperature(*fitted)
    return _one_temperature(fitted) if adaptive is None else lambda logits: logits * adaptive.multiples(logits)[:, None]


def _measure(scale: _Calibration, held_out: Logits) -> tuple[float, float]:
    """Return negative log likelihood and expected calibration error."""
    logits = scale(held_out.logits)
    probabilities = softmax(logits)
    right = probabilities.argmax(axis=1) == held_out.labels
    return negative_log_likelihood(logits, held_out.labels), calibration_error(probabilities.max(axis=1), right)


def measure_both(fitted: Logits, held_out: list[Logits]) -> np.ndarray:
    """Fit both kinds to `fitted`, and measure them on each of `held_out`: float (held_out, 2 kinds, 2 measures)."""
    scales = _one_temperature(fitted), _adaptive_temperature(fitted)
    return np.array([[_measure(scale, pictures) for scale in scales] for pictures in held_out])


def row(title: str, found: np.ndarray, first: int = 0) -> str:
    """Format a row; the 95 % intervals of the gain are over the draws.

    Args:
        title: Its title.
        found: What `measure_both` returned.
        first: The first draw; the rows before are the result itself.
    """
    said = []
    for measure, name in enumerate(("NLL", "ECE")):
        one, adaptive = found[:, 0, measure], found[:, 1, measure]
        low, high = np.percentile((one - adaptive)[first:], [2.5, 97.5])
        told = slice(0, first or None)
        said.append(f"{name} {one[told].mean():.4f} -> {adaptive[told].mean():.4f}, gain {low:+.4f} to {high:+.4f}")
    return f"{title:<40} {'   '.join(said)}"


def trained_networks() -> list[str]:
    """Return the names of the shipped networks that a recipe made: it says which pictures were held out."""
    return sorted(card.name for path in BUNDLES.glob(f"*/{CARD_FILE}") if (card := read_card(path.parent)).recipe)


def compare(name: str, data: Path, draws: int) -> None:
    """Print the rows of a network."""
    card = read_card(BUNDLES / name)
    recipe = load_recipe(card.recipe)
    network = read_network(BUNDLES / name / KERAS_FILE, card.outputs)
    dataset = load_dataset(data, card.input_size, recipe.data.validation, seed=recipe.data.seed)
    rng, test, n = np.random.default_rng(0), predict_logits(network, dataset.test), len(dataset.validation)
    again = [test, *(test.take(rng.integers(0, len(dataset.test), len(dataset.test))) for _ in range(draws))]
    for title, split in (
        ("JPEG", with_jpeg_copies(dataset.validation, recipe.augmentation, recipe.seed)),
        ("lossless", dataset.validation),
    ):
        fitted = predict_logits(network, split)
        orders = [rng.permutation(n) for _ in range(draws)]
        halves = [measure_both(fitted.take(order[: n // 2]), [fitted.take(order[n // 2 :])]) for order in orders]
        print(row(f"{name}, {title}, half against half", np.concatenate(halves)))
        print(row(f"{name}, {title}, all against test pictures", measure_both(fitted, again), first=1), flush=True)


def main(
    data: Annotated[Path, typer.Option(help="folder with cifar-10-batches-py")],
    draws: Annotated[int, typer.Option(min=1, help="how often pictures are drawn")] = 200,
) -> None:
    """Print a table of all shipped networks that a recipe made."""
    print(describe_machine())
    for name in trained_networks():
        compare(name, data, draws)


if __name__ == "__main__":
    typer.run(main)
