"""The sample pictures that come with Vitrine; the name of each file begins with its true class."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.images.decoder import read_image, to_array
from model.images.image_files import is_picture
from model.signature.shapes import PictureSize, to_input_shape

FOLDER = Path(__file__).parent.parent.parent / "sample_images"


@dataclass(frozen=True)
class Sample:
    """One sample picture."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def truth(self) -> str:
        """The true class."""
        return self.path.stem.partition("-")[0]

    def pixels(self, size: PictureSize) -> np.ndarray:
        """Return the picture at a network's input size: uint8 (height, width, channels)."""
        return to_array(read_image(self.path.read_bytes(), min_side=to_input_shape(size).longest), size)

    @property
    def css_key(self) -> str:
        """The picture's name in style sheets and widget keys, of letters and digits whatever its file is called."""
        return f"tile-{os.fsencode(self.name).hex()}"


def list_samples() -> list[Sample]:
    """List the sample pictures, sorted by name and therefore class by class."""
    return [Sample(path) for path in sorted(FOLDER.iterdir()) if is_picture(path.name)]


def first_of_each_class(samples: list[Sample]) -> list[Sample]:
    """Return the first sample of each class."""
    return list({sample.truth: sample for sample in reversed(samples)}.values())[::-1]
