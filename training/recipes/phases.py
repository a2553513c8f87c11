"""How a run is cut up: a stage has pictures of one size; a phase has one optimiser."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from training.recipes.recipe import Recipe

Stage = tuple[int, int, int]  # first epoch, epoch after the last, side of the pictures


@dataclass(frozen=True)
class Phase:
    """A stretch of epochs with one optimiser; `tuned`: the weights that were trained before learn too."""

    tuned: bool
    stages: tuple[Stage, ...]

    @property
    def begin(self) -> int:
        return self.stages[0][0]

    @property
    def end(self) -> int:
        """The epoch after the last."""
        return self.stages[-1][1]


def picture_sizes(recipe: Recipe) -> list[int]:
    """The sides of the training pictures in pixels, one for each equal share of the epochs."""
    return [round(scale * recipe.model.input_size) for scale in recipe.schedule.scales]


def phases(recipe: Recipe) -> list[Phase]:
    """The recipe's epochs in order, cut where the optimiser or the pictures' size changes."""
    sizes, first_tuned = picture_sizes(recipe), recipe.epochs - recipe.fine_tuning.epochs
    epochs = [
        (epoch >= first_tuned, sizes[math.ceil((epoch + 1) * len(sizes) / recipe.epochs) - 1])
        for epoch in range(recipe.epochs)
    ]
    found: dict[bool, list[Stage]] = {}
    begin = 0
    for (tuned, size), group in itertools.groupby(epochs):
        end = begin + len(list(group))
        found.setdefault(tuned, []).append((begin, end, size))
        begin = end
    return [Phase(tuned, tuple(stages)) for tuned, stages in found.items()]
