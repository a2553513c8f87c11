"""Split a run into phases and stages: a phase has one optimizer, a stage has one image size."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from training.recipes.recipe import Recipe

_Stage = tuple[int, int, int]  # first epoch, epoch after the last, side of the images in pixels


@dataclass(frozen=True)
class Phase:
    """Consecutive epochs with one optimizer.

    Attributes:
        tuned: Whether pretrained weights are trained too.
        stages: Its stages.
    """

    tuned: bool
    stages: tuple[_Stage, ...]

    @property
    def begin(self) -> int:
        """The first epoch, counted from 0."""
        return self.stages[0][0]

    @property
    def end(self) -> int:
        """The epoch after the last."""
        return self.stages[-1][1]


def image_sizes(recipe: Recipe) -> list[int]:
    """Return the side of the training images in pixels, for each equal share of the epochs."""
    return [round(scale * recipe.model.input_size) for scale in recipe.schedule.scales]


def split_into_phases(recipe: Recipe) -> list[Phase]:
    """Split the recipe's epochs where the optimizer or the image size changes."""
    sizes, first_tuned = image_sizes(recipe), recipe.epochs - recipe.fine_tuning.epochs
    epochs = [
        (epoch >= first_tuned, sizes[math.ceil((epoch + 1) * len(sizes) / recipe.epochs) - 1])
        for epoch in range(recipe.epochs)
    ]
    found: dict[bool, list[_Stage]] = {}
    begin = 0
    for (tuned, size), group in itertools.groupby(epochs):
        end = begin + len(list(group))
        found.setdefault(tuned, []).append((begin, end, size))
        begin = end
    return [Phase(tuned, tuple(stages)) for tuned, stages in found.items()]
