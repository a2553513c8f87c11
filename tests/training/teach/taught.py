"""A backbone that is quick to ask, and projects of drawn shapes, for tests of teaching."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tests.drawn import SHAPES, draw, encode
from training.projects.project import Project


class QuickBackbone:
    """Colours and edges of 8 x 8 fields, turned at random: as telling for drawn shapes as a network's features."""

    key = "quick"

    def __init__(self) -> None:
        self.turn = np.random.default_rng(0).normal(size=(8 * 8 * 6, 96)).astype(np.float32) / 10
        self.asked = 0

    def features(self, images: np.ndarray) -> np.ndarray:
        self.asked += len(images)
        fields = images.astype(np.float32).reshape(len(images), 8, 28, 8, 28, 3) / 255
        numbers = np.concatenate([fields.mean(axis=(2, 4)), fields.std(axis=(2, 4))], axis=-1)
        return numbers.reshape(len(images), -1) @ self.turn


def scene(shape: str, number: int) -> Image.Image:
    """A shape somewhere in the middle of a wall of soft colours, RGB (96, 96); another for each number."""
    rng = np.random.default_rng((number, SHAPES.index(shape)))
    wall = Image.fromarray(rng.integers(40, 200, (6, 6, 3), dtype=np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)
    left, top = rng.integers(14, 34, 2).tolist()
    wall.paste(draw(shape, rng, 48).resize((48, 48)), (left, top))
    return wall


def shape_file(shape: str, number: int) -> tuple[str, bytes]:
    return f"{shape}-{number}.png", encode(scene(shape, number), "PNG")


def shapes_project(per_class: int, classes: tuple[str, ...] = SHAPES) -> Project:
    project = Project("shapes")
    for shape in classes:
        project.add(shape, [shape_file(shape, number) for number in range(per_class)])
    return project
