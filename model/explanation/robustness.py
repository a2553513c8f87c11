"""How an answer holds when the picture is turned, moved, blurred or compressed a little."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from model.images.decoder import array_to_image, image_to_array
from model.inference.prediction import LIKELY

Change = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Trial:
    """One changed picture, uint8 (height, width, channels), and its probabilities, float32 (classes,)."""

    kind: str
    strength: float
    image: np.ndarray
    probabilities: np.ndarray

    def holds(self, label: int, exclusive: bool = True) -> bool:
        """Whether class `label` is the answer: the likeliest, or likelier than not where others do not exclude it."""
        if exclusive:
            return int(self.probabilities.argmax()) == label
        return bool(self.probabilities[label] >= LIKELY)


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """Turned about its middle, mirrored at the edges; positive is counter-clockwise."""
    height, width = image.shape[:2]
    pad = max(height, width) // 2
    wide = array_to_image(np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect"))
    rotated = wide.rotate(degrees, Image.Resampling.BICUBIC)
    return image_to_array(rotated)[pad : pad + height, pad : pad + width]


def moved(image: np.ndarray, share: float) -> np.ndarray:
    """Moved to the right by a share of its width, mirrored at the edge; negative is to the left."""
    width = image.shape[1]
    pixels = round(abs(share) * width)
    wide = np.pad(image, ((0, 0), (pixels, pixels), (0, 0)), mode="reflect")
    start = 0 if share > 0 else 2 * pixels
    return wide[:, start : start + width]


def blurred(image: np.ndarray, share: float) -> np.ndarray:
    """Gaussian blur whose radius is a share of the shorter side."""
    return image_to_array(array_to_image(image).filter(ImageFilter.GaussianBlur(share * min(image.shape[:2]))))


def compressed(image: np.ndarray, quality: float) -> np.ndarray:
    """Once through JPEG at a quality of 1 to 100."""
    buffer = io.BytesIO()
    array_to_image(image).save(buffer, "JPEG", quality=round(quality))
    return image_to_array(Image.open(buffer))


# Kind of change -> how it is made, and the strengths that are tried, weakest last for JPEG.
CHANGES: dict[str, tuple[Change, tuple[float, ...]]] = {
    "turned": (turned, (-20.0, -10.0, -5.0, 5.0, 10.0, 20.0)),
    "moved": (moved, (-0.125, -0.0625, 0.0625, 0.125)),
    "blurred": (blurred, (0.01, 0.02, 0.04)),
    "compressed": (compressed, (20.0, 40.0, 60.0, 80.0)),
}


def trials(probabilities: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> list[Trial]:
    """Every change of CHANGES to one picture, uint8 (height, width, channels), answered in one call."""
    plan = [(kind, change, strength) for kind, (change, strengths) in CHANGES.items() for strength in strengths]
    images = np.stack([change(image, strength) for _, change, strength in plan])
    rows = probabilities(images)
    return [
        Trial(kind, strength, picture, row)
        for (kind, _, strength), picture, row in zip(plan, images, rows, strict=True)
    ]


def held(found: list[Trial], label: int, exclusive: bool = True) -> float:
    """The share of the changed pictures that are still given class `label`, 0 to 1."""
    return float(np.mean([trial.holds(label, exclusive) for trial in found]))
