"""The pictures that come with Vitrine; each file's name begins with its true class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model.picturefiles import is_picture

FOLDER = Path(__file__).parent.parent / "sample_images"


@dataclass(frozen=True)
class Sample:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def truth(self) -> str:
        return self.path.stem.partition("-")[0]

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
