"""What an adaptive temperature gains over one temperature: python -m benchmarks.calibration --data DIR

Half of a network's validation pictures, drawn anew each time, decide the temperatures, and the other half judges them.
Then all of them decide and the test pictures judge, drawn anew with replacement.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NamedTuple

import keras
import numpy as np
import typer

from benchmarks.machine import machine
from model.datasets.loader import load_dataset
from model.datasets.splits import Split
from model.evaluation.scores import calibration_error
from model.inference.classifier import read_network
from model.registry.card import CARD_FILE, KERAS_FILE, read_card
from model.registry.locations import BUNDLES
from model.signature.outputs import softmax
from training.engine.calibration import (
    LOGITS,
    Stored,
    best_adaptive,
    best_temperature,
    negative_log_likelihood,
    stored_as_trained,
)
from training.recipes.recipe_file import load_recipe

Scale = Callable[[np.ndarray], np.ndarray]  # logits (n, classes) to calibrated ones


class Answers(NamedTuple):
    """Logits, float (n, classes), and labels, int (n,), of pictures in `copies` versions, one after another."""

    logits: np.ndarray
    labels: np.ndarray
    copies: int = 1

    def take(self, pictures: np.ndarray) -> Answers:
        """The answers to these pictures, in every version."""
        rows = np.concatenate([pictures + copy * (len(self.labels) // self.copies) for copy in range(self.copies)])
        return Answers(self.logits[rows], self.labels[rows], self.copies)


def answers(network: keras.Model, split: Split) -> Answers:
    to_logits = keras.Model(network.input, network.get_layer(LOGITS).output)
    logits = to_logits.predict(split.images, batch_size=256, verbose=0).astype(np.float64)
    return Answers(logits, split.labels, split.copies if isinstance(split, Stored) else 1)


def by_one(seen: Answers) -> Scale:
    temperature = best_temperature(*seen)
    return lambda logits: logits / temperature


def by_certainty(seen: Answers) -> Scale:
    adaptive = best_adaptive(*seen)
    return by_one(seen) if adaptive is None else lambda logits: logits * adaptive.multiples(logits)[:, None]


def judged(scale: Scale, held_out: Answers) -> tuple[float, float]:
    """Negative log likelihood and expected calibration error."""
    logits = scale(held_out.logits)
    probabilities = softmax(logits)
    right = probabilities.argmax(axis=1) == held_out.labels
    return negative_log_likelihood(logits, held_out.labels), calibration_error(probabilities.max(axis=1), right)


def both(seen: Answers, held_out: list[Answers]) -> np.ndarray:
    """The two kinds, fitted to `seen`, on each of `held_out`: float (held_out, 2 kinds, 2 measures)."""
    scales = by_one(seen), by_certainty(seen)
    return np.array([[judged(scale, pictures) for scale in scales] for pictures in held_out])


def row(title: str, found: np.ndarray, first: int = 0) -> str:
    """found: as `both` returns it; the gain's 95 % interval is over the draws, those from `first` on."""
    said = []
    for measure, name in enumerate(("NLL", "ECE")):
        one, adaptive = found[:, 0, measure], found[:, 1, measure]
        low, high = np.percentile((one - adaptive)[first:], [2.5, 97.5])
        told = slice(0, first or None)
        said.append(f"{name} {one[told].mean():.4f} -> {adaptive[told].mean():.4f}, gain {low:+.4f} to {high:+.4f}")
    return f"{title:<40} {'   '.join(said)}"


def compare(name: str, data: Path, draws: int) -> None:
    card = read_card(BUNDLES / name)
    recipe = load_recipe(card.recipe)
    network = read_network(BUNDLES / name / KERAS_FILE)
    dataset = load_dataset(data, card.input_size, recipe.data.validation, seed=recipe.data.seed)
    rng, test, n = np.random.default_rng(0), answers(network, dataset.test), len(dataset.validation)
    again = [test, *(test.take(rng.integers(0, len(dataset.test), len(dataset.test))) for _ in range(draws))]
    for title, split in (
        ("JPEG", stored_as_trained(dataset.validation, recipe.augmentation, recipe.seed)),
        ("lossless", dataset.validation),
    ):
        seen = answers(network, split)
        orders = [rng.permutation(n) for _ in range(draws)]
        halves = [both(seen.take(order[: n // 2]), [seen.take(order[n // 2 :])]) for order in orders]
        print(row(f"{name}, {title}, half against half", np.concatenate(halves)))
        print(row(f"{name}, {title}, all against test pictures", both(seen, again), first=1), flush=True)


def main(
    data: Annotated[Path, typer.Option(help="folder with cifar-10-batches-py")],
    draws: Annotated[int, typer.Option(min=1, help="how often pictures are drawn")] = 200,
) -> None:
    print(machine())
    for name in sorted(path.parent.name for path in BUNDLES.glob(f"*/{CARD_FILE}")):
        compare(name, data, draws)


if __name__ == "__main__":
    typer.run(main)
