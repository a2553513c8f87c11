"""Test whether a prediction survives small changes: rotation, shift, blur and JPEG compression."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from model.images.decoder import array_to_image, image_to_array
from model.inference.prediction import LIKELY

_Change = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Trial:
    """A changed picture, uint8 (height, width, channels), and its probabilities, float32 (classes,)."""

    kind: str
    strength: float
    image: np.ndarray
    probabilities: np.ndarray

    def keeps_class(self, label: int, exclusive: bool = True) -> bool:
        """Return whether class `label` is still the answer: the most likely, or likely enough if not exclusive."""
        if exclusive:
            return int(self.probabilities.argmax()) == label
        return bool(self.probabilities[label] >= LIKELY)


def rotate(image: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate about the centre, mirroring at the edges; positive is counter-clockwise."""
    height, width = image.shape[:2]
    pad = max(height, width) // 2
    wide = array_to_image(np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect"))
    rotated = wide.rotate(degrees, Image.Resampling.BICUBIC)
    return image_to_array(rotated)[pad : pad + height, pad : pad + width]


def shift(image: np.ndarray, share: float) -> np.ndarray:
    """Shift to the right by a fraction of the width, mirroring at the edge; negative is to the left."""
    width = image.shape[1]
    pixels = round(abs(share) * width)
    wide = np.pad(image, ((0, 0), (pixels, pixels), (0, 0)), mode="reflect")
    start = 0 if share > 0 else 2 * pixels
    return wide[:, start : start + width]


def blur(image: np.ndarray, share: float) -> np.ndarray:
    """Apply a Gaussian blur whose radius is a fraction of the shorter side."""
    return image_to_array(array_to_image(image).filter(ImageFilter.GaussianBlur(share * min(image.shape[:2]))))


def compress(image: np.ndarray, quality: float) -> np.ndarray:
    """Compress and decode as JPEG at a quality of 1 to 100."""
    buffer = io.BytesIO()
    array_to_image(image).save(buffer, "JPEG", quality=round(quality))
    return image_to_array(Image.open(buffer))


# Kind of change -> the function, and the strengths to try; for JPEG the strongest change comes first.
CHANGES: dict[str, tuple[_Change, tuple[float, ...]]] = {
    "turned": (rotate, (-20.0, -10.0, -5.0, 5.0, 10.0, 20.0)),
    "moved": (shift, (-0.125, -0.0625, 0.0625, 0.125)),
    "blurred": (blur, (0.01, 0.02, 0.04)),
    "compressed": (compress, (20.0, 40.0, 60.0, 80.0)),
}


def run_trials(probabilities: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> list[Trial]:
    """Apply every change in CHANGES to one picture, uint8 (height, width, channels), and predict all in one call."""
    plan = [(kind, change, strength) for kind, (change, strengths) in CHANGES.items() for strength in strengths]
    images = np.stack([change(image, strength) for _, change, strength in plan])
    rows = probabilities(images)
    return [
        Trial(kind, strength, picture, row)
        for (kind, _, strength), picture, row in zip(plan, images, rows, strict=True)
    ]


def kept_share(found: list[Trial], label: int, exclusive: bool = True) -> float:
    """Return the fraction of changed pictures, 0 to 1, for which class `label` is still predicted."""
    return float(np.mean([trial.keeps_class(label, exclusive) for trial in found]))
