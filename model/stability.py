"""How an answer holds when the picture is turned, moved, blurred or compressed a little."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

Change = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Trial:
    """One changed picture, uint8 (size, size, 3), and its probabilities, float32 (classes,)."""

    kind: str
    strength: float
    image: np.ndarray
    probabilities: np.ndarray


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """Turned about its middle, mirrored at the edges; positive is counter-clockwise."""
    size = image.shape[0]
    pad = size // 2
    wide = Image.fromarray(np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect"))
    rotated = wide.rotate(degrees, Image.Resampling.BICUBIC)
    return np.asarray(rotated)[pad : pad + size, pad : pad + size]


def moved(image: np.ndarray, share: float) -> np.ndarray:
    """Moved to the right by a share of its side, mirrored at the edge; negative is to the left."""
    size = image.shape[0]
    pixels = round(abs(share) * size)
    wide = np.pad(image, ((0, 0), (pixels, pixels), (0, 0)), mode="reflect")
    start = 0 if share > 0 else 2 * pixels
    return wide[:, start : start + size]


def blurred(image: np.ndarray, share: float) -> np.ndarray:
    """Gaussian blur whose radius is a share of the side."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(share * image.shape[0])))


def compressed(image: np.ndarray, quality: float) -> np.ndarray:
    """Once through JPEG at a quality of 1 to 100."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=round(quality))
    return np.asarray(Image.open(buffer))


# Kind of change -> how it is made, and the strengths that are tried, weakest last for JPEG.
CHANGES: dict[str, tuple[Change, tuple[float, ...]]] = {
    "turned": (turned, (-20.0, -10.0, -5.0, 5.0, 10.0, 20.0)),
    "moved": (moved, (-0.125, -0.0625, 0.0625, 0.125)),
    "blurred": (blurred, (0.01, 0.02, 0.04)),
    "compressed": (compressed, (20.0, 40.0, 60.0, 80.0)),
}


def trials(probabilities: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> list[Trial]:
    """Every change of CHANGES to one picture, uint8 (size, size, 3), answered in one call of `probabilities`."""
    plan = [(kind, change, strength) for kind, (change, strengths) in CHANGES.items() for strength in strengths]
    images = np.stack([change(image, strength) for _, change, strength in plan])
    rows = probabilities(images)
    return [
        Trial(kind, strength, picture, row)
        for (kind, _, strength), picture, row in zip(plan, images, rows, strict=True)
    ]


def held(found: list[Trial], label: int) -> float:
    """The share of the changed pictures that are still given class `label`, 0 to 1."""
    return float(np.mean([int(trial.probabilities.argmax()) == label for trial in found]))
