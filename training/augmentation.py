"""Random changes to training pictures, drawn from (seed, epoch, batch), so that a resumed run repeats them."""

from __future__ import annotations

import io

import keras
import numpy as np
from PIL import Image

from training.recipe import AugmentationSettings


def shift(images: np.ndarray, pixels: int, rng: np.random.Generator) -> np.ndarray:
    """Move each picture by up to `pixels` in each direction, mirrored at the edges; uint8 (n, h, w, 3) in and out."""
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="reflect")
    offsets = rng.integers(0, 2 * pixels + 1, (n, 2))
    moved = np.empty_like(images)
    for dy in range(2 * pixels + 1):
        for dx in range(2 * pixels + 1):
            chosen = np.flatnonzero((offsets[:, 0] == dy) & (offsets[:, 1] == dx))
            moved[chosen] = padded[chosen, dy : dy + height, dx : dx + width]
    return moved


def through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """The picture after one JPEG round with halved chroma, as most cameras and sites store it; uint8 (h, w, 3)."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=2)
    return np.asarray(Image.open(buffer))


def compress(images: np.ndarray, share: float, quality: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Pass about `share` of the pictures through JPEG at a random quality; uint8 (n, h, w, 3) in and out."""
    images = images.copy()
    for index in np.flatnonzero(rng.random(len(images)) < share):
        images[index] = through_jpeg(images[index], int(rng.integers(quality[0], quality[1] + 1)))
    return images


def mirrored(indices: np.ndarray, flip: str, epoch: int, seed: int, rng: np.random.Generator) -> np.ndarray:
    """Which of the pictures to mirror, bool (n,).

    `alternating`: a random half in the first epoch, the other half in the next, and so on (arXiv 2404.00498, 3.6).
    """
    if flip == "random":
        return rng.random(len(indices)) < 0.5
    if flip == "alternating":
        coin: np.ndarray = np.random.default_rng(seed).random(int(indices.max(initial=-1)) + 1) < 0.5
        mirror: np.ndarray = coin[indices] ^ (epoch % 2 == 1)
        return mirror
    return np.zeros(len(indices), bool)


def augment(
    images: np.ndarray,
    indices: np.ndarray,
    settings: AugmentationSettings,
    epoch: int,
    seed: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """All the recipe's changes to one batch; uint8 (n, h, w, 3) in and out.

    JPEG comes first: the blocks of a stored picture start at its corner.
    """
    if settings.jpeg:
        images = compress(images, settings.jpeg, settings.jpeg_quality, rng)
    mirror = mirrored(indices, settings.flip, epoch, seed, rng)
    images = np.where(mirror[:, None, None, None], images[:, :, ::-1], images)
    return shift(images, settings.shift, rng) if settings.shift else images


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented batches for `model.fit`: uint8 (batch, h, w, 3) and one-hot float32 (batch, classes).

    Shuffled anew every epoch; the last, smaller batch is left out when there is a full one, so that batch
    normalisation sees equal batches.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        classes: int,
        settings: AugmentationSettings,
        batch_size: int,
        seed: int,
        epoch: int = 0,
    ) -> None:
        super().__init__()  # no workers: making a batch takes a few hundredths of its training step
        self.images, self.labels, self.settings = images, labels, settings
        self.targets = np.eye(classes, dtype=np.float32)
        self.batch_size = min(batch_size, len(images))
        self.seed, self.epoch = seed, epoch
        self.order = self.shuffle()

    def shuffle(self) -> np.ndarray:
        return np.random.default_rng((self.seed, self.epoch)).permutation(len(self.images))

    def __len__(self) -> int:
        return len(self.images) // self.batch_size

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        indices = self.order[batch * self.batch_size : (batch + 1) * self.batch_size]
        rng = np.random.default_rng((self.seed, self.epoch, batch))
        images = augment(self.images[indices], indices, self.settings, self.epoch, self.seed, rng)
        return images, self.targets[self.labels[indices]]

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.order = self.shuffle()

    def start_at(self, epoch: int) -> None:
        """Go to the order and the draws of an epoch, counted from 0."""
        self.epoch = epoch
        self.order = self.shuffle()
