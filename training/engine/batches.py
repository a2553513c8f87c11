"""The batches of a training, drawn so that a resumed run repeats them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from model.datasets.resized import own_images
from model.datasets.splits import Split
from training.engine.augmentation import augment, enlarge, random_crop, resize
from training.recipes.recipe import Recipe


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented batches for `model.fit`: uint8 (batch, size, size, 3) and one-hot float32 (batch, classes).

    An epoch shows as many images as there are, in an order drawn from (seed, epoch). Images that do not fill a batch
    are left out if there is a full one, so that batch normalization sees equal batches. With `schedule.prune`, each
    pass leaves out some of the images whose last loss was below the mean, and the epoch continues with the next pass
    (InfoBatch, Z. Qin et al., arXiv 2303.04947; without its weights, so that hard images count for more).
    """

    def __init__(self, train: Split, classes: int, recipe: Recipe) -> None:
        super().__init__()  # no workers: making a batch takes a few per cent of a training step
        self.train, self.recipe = train, recipe
        self.own_images = own_images(train.images)  # augmentation comes before enlarging
        self.targets = np.eye(classes, dtype=np.float32)
        self.batch_size = min(recipe.batch_size, len(train))
        self.size = train.images.shape[1]
        self.losses = np.full(len(train), np.inf, np.float32)  # of each image, when it was last shown
        self.start_at(0)

    def start_at(self, epoch: int) -> None:
        """Go to the order of an epoch, counted from 0."""
        self.epoch = epoch
        rng = np.random.default_rng((self.recipe.seed, epoch))
        passes: list[np.ndarray] = []
        wanted = len(self) * self.batch_size
        while sum(map(len, passes)) < wanted:
            order = rng.permutation(len(self.train))
            passes.append(order[~self.left_out(rng)[order]])
        self.order = np.concatenate(passes)[:wanted]
        self.turns = epoch + np.repeat(np.arange(len(passes)), [len(order) for order in passes])[:wanted]

    def left_out(self, rng: np.random.Generator) -> np.ndarray:
        """Choose the images that a pass leaves out, bool (n,)."""
        schedule = self.recipe.schedule
        if not schedule.prune or self.epoch >= schedule.prune_until * self.recipe.epochs:
            return np.zeros(len(self.train), bool)
        known = np.isfinite(self.losses)
        mean = self.losses[known].mean() if known.any() else 0.0
        easy: np.ndarray = known & (self.losses < mean)
        return easy & (rng.random(len(self.train)) < schedule.prune)

    def __len__(self) -> int:
        return len(self.train) // self.batch_size

    def slice_of(self, batch: int) -> slice:
        """Return which part of the order a batch is."""
        return slice(batch * self.batch_size, (batch + 1) * self.batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        indices, turns = self.order[self.slice_of(batch)], self.turns[self.slice_of(batch)]
        rng = np.random.default_rng((self.recipe.seed, self.epoch, batch))
        images = augment(self.own_images[indices], indices, turns, self.recipe, rng)
        return self.resize_for_stage(images, rng), self.targets[self.train.labels[indices]]

    def resize_for_stage(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the images at the size of the current stage."""
        if self.recipe.schedule.smaller == "cropped":
            return random_crop(images, self.size, rng)
        settings = self.recipe.augmentation
        if self.size > images.shape[1] and (settings.enlarge > 1 or settings.sharpen):
            return enlarge(images, self.size, settings, rng)
        return resize(images, self.size)

    def on_epoch_end(self) -> None:
        """Go to the next epoch."""
        self.start_at(self.epoch + 1)

    def record(self, batch: int, losses: np.ndarray) -> None:
        """Remember the losses, float (batch,), of the images of a batch."""
        self.losses[self.order[self.slice_of(batch)]] = losses


class SampleLosses(keras.metrics.Metric):  # type: ignore[misc]
    """A metric with the loss of each image of the last batch in `values`, float32 (capacity,)."""

    def __init__(self, capacity: int, label_smoothing: float) -> None:
        super().__init__(name="sample_losses")
        self.label_smoothing = label_smoothing
        self.values = self.add_variable((capacity,), "zeros", name="values")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Store the losses of a batch."""
        losses = keras.losses.categorical_crossentropy(y_true, y_pred, label_smoothing=self.label_smoothing)
        self.values.assign(keras.ops.slice_update(self.values, [0], keras.ops.cast(losses, "float32")))

    def result(self) -> Any:
        """Return their mean."""
        return keras.ops.mean(self.values)


class LossRecorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Passes the losses of each batch from the metric back to the batches."""

    def __init__(self, batches: TrainingBatches, metric: SampleLosses) -> None:
        super().__init__()
        self.batches, self.metric = batches, metric

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Pass the losses on."""
        self.batches.record(batch, np.asarray(self.metric.values)[: self.batches.batch_size])

    def state(self) -> list[np.ndarray]:
        """Return what a checkpoint stores."""
        return [self.batches.losses]

    def load_state(self, state: list[np.ndarray]) -> None:
        """Restore it."""
        self.batches.losses = state[0]
