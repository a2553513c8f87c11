"""The pictures that come with Vitrine; each file's name begins with its true class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.images.decoder import read_image, to_array
from model.images.image_files import is_picture
from model.signature.shapes import PictureSize, shape_of

FOLDER = Path(__file__).parent.parent.parent / "sample_images"


@dataclass(frozen=True)
class Sample:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def truth(self) -> str:
        return self.path.stem.partition("-")[0]

    def pixels(self, size: PictureSize) -> np.ndarray:
        """The picture as a network of that size gets it, uint8 (height, width, channels)."""
        return to_array(read_image(self.path.read_bytes(), at_least=shape_of(size).longest), size)

    @property
    def key(self) -> str:
        """A name that can stand in a style sheet."""
        return f"tile-{self.path.stem}"


def list_samples() -> list[Sample]:
    """Every sample picture, sorted by name: class by class."""
    return [Sample(path) for path in sorted(FOLDER.iterdir()) if is_picture(path.name)]


def one_a_class(samples: list[Sample]) -> list[Sample]:
    """The first sample of each class."""
    return list({sample.truth: sample for sample in reversed(samples)}.values())[::-1]
