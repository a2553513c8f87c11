"""The batches of a training: which pictures come when, drawn so that a resumed run repeats them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from model.datasets.resized import own_images
from model.datasets.splits import Split
from training.engine.augmentation import augment, crop, enlarge, resize
from training.recipes.recipe import Recipe


class TrainingBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Augmented batches for `model.fit`: uint8 (batch, size, size, 3) and one-hot float32 (batch, classes).

    An epoch shows as many pictures as there are, in an order drawn from (seed, epoch); what does not fill a batch is
    left out when there is a full one, so that batch normalisation sees equal batches. With `schedule.prune`, each pass
    leaves out some of the pictures whose last loss was below the mean, and an epoch goes on with the next pass
    (InfoBatch, Z. Qin et al., arXiv 2303.04947; without its weights: what is hard counts for more).
    """

    def __init__(self, train: Split, classes: int, recipe: Recipe) -> None:
        super().__init__()  # no workers: making a batch takes a few hundredths of its training step
        self.train, self.recipe = train, recipe
        self.own_images = own_images(train.images)  # augmented as they are, made larger after that
        self.targets = np.eye(classes, dtype=np.float32)
        self.batch_size = min(recipe.batch_size, len(train))
        self.size = train.images.shape[1]
        self.losses = np.full(len(train), np.inf, np.float32)  # of each picture when it was last shown
        self.start_at(0)

    def start_at(self, epoch: int) -> None:
        """Go to the order and the draws of an epoch, counted from 0."""
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
        """Which pictures a pass does without, bool (n,)."""
        schedule = self.recipe.schedule
        if not schedule.prune or self.epoch >= schedule.prune_until * self.recipe.epochs:
            return np.zeros(len(self.train), bool)
        known = np.isfinite(self.losses)
        mean = self.losses[known].mean() if known.any() else 0.0
        easy: np.ndarray = known & (self.losses < mean)
        return easy & (rng.random(len(self.train)) < schedule.prune)

    def __len__(self) -> int:
        return len(self.train) // self.batch_size

    def places(self, batch: int) -> slice:
        return slice(batch * self.batch_size, (batch + 1) * self.batch_size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        indices, turns = self.order[self.places(batch)], self.turns[self.places(batch)]
        rng = np.random.default_rng((self.recipe.seed, self.epoch, batch))
        images = augment(self.own_images[indices], indices, turns, self.recipe, rng)
        return self.sized(images, rng), self.targets[self.train.labels[indices]]

    def sized(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The pictures as large as the stage wants them."""
        if self.recipe.schedule.smaller == "cropped":
            return crop(images, self.size, rng)
        settings = self.recipe.augmentation
        if self.size > images.shape[1] and (settings.enlarge > 1 or settings.sharpen):
            return enlarge(images, self.size, settings, rng)
        return resize(images, self.size)

    def on_epoch_end(self) -> None:
        self.start_at(self.epoch + 1)

    def record(self, batch: int, losses: np.ndarray) -> None:
        """Remember the losses, float (batch,), of the pictures of a batch."""
        self.losses[self.order[self.places(batch)]] = losses


class SampleLosses(keras.metrics.Metric):  # type: ignore[misc]
    """The loss of each picture of the batch just trained on, kept in `values`, float32 (capacity,)."""

    def __init__(self, capacity: int, label_smoothing: float) -> None:
        super().__init__(name="sample_losses")
        self.label_smoothing = label_smoothing
        self.values = self.add_variable((capacity,), "zeros", name="values")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        losses = keras.losses.categorical_crossentropy(y_true, y_pred, label_smoothing=self.label_smoothing)
        self.values.assign(keras.ops.slice_update(self.values, [0], keras.ops.cast(losses, "float32")))

    def result(self) -> Any:
        return keras.ops.mean(self.values)


class LossRecorder(keras.callbacks.Callback):  # type: ignore[misc]
    """Hands the losses of each batch from the metric back to the batches."""

    def __init__(self, batches: TrainingBatches, metric: SampleLosses) -> None:
        super().__init__()
        self.batches, self.metric = batches, metric

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches.record(batch, np.asarray(self.metric.values)[: self.batches.batch_size])

    def state(self) -> list[np.ndarray]:
        return [self.batches.losses]

    def load_state(self, state: list[np.ndarray]) -> None:
        self.batches.losses = state[0]
