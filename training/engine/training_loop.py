"""The epochs of a run: phase by phase with Keras's `fit`, from the start or from a checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.common.files import write_atomic
from model.datasets.resized import own_images
from model.datasets.splits import Split
from model.i18n.translations import gettext as _
from model.networks.architectures import ARCHITECTURES
from training.engine.augmentation import resize
from training.engine.batches import LossRecorder, SampleLosses, TrainingBatches
from training.engine.callbacks import (
    BestWeights,
    RunWriter,
    Stateful,
    StopOnSignal,
    TrainingError,
    finished_epochs,
    load_checkpoint,
    start_over,
)
from training.engine.mirrored import SharedStatistics, check_mirrored, even_batch
from training.engine.optimizer import Lookahead, build_optimizer
from training.engine.progress_bar import ProgressBar
from training.recipes.phases import Phase, split_into_phases
from training.recipes.recipe import Recipe
from training.recipes.recipe_file import to_toml
from training.runs.process import StoppedRun

_VALIDATION_BATCH = 500


class TrainingLoop:
    """Trains a network into the folder of a run.

    Args:
        network: The network.
        recipe: The recipe.
        validation: The validation images.
        batches: The training batches.
        folder: The run's folder.
        extra: Further callbacks, after its own.
        strategy: TensorFlow's strategy that the network was built with, if it has copies on several devices.
    """

    def __init__(
        self,
        network: keras.Model,
        recipe: Recipe,
        validation: Split,
        batches: TrainingBatches,
        folder: Path,
        extra: Sequence[keras.callbacks.Callback] = (),
        strategy: Any = None,
    ) -> None:
        self.network, self.recipe, self.batches, self.folder = network, recipe, batches, folder
        self.validation, self.validation_batch = validation, _VALIDATION_BATCH
        self.targets = np.eye(len(batches.targets), dtype=np.float32)[validation.labels]
        monitor = f"val_{recipe.monitor}" if len(validation) else recipe.monitor
        mode = "min" if recipe.monitor == "loss" else "max"
        self.best = BestWeights(monitor, mode=mode, patience=recipe.patience, restore_best_weights=True)
        self.parts: dict[str, Stateful] = {"best": self.best}
        self.metrics: list[Any] = ["accuracy"]
        steps = len(batches)
        if recipe.averaging:
            self.parts["average"] = Lookahead(steps * recipe.epochs)
        if recipe.schedule.prune:
            losses = SampleLosses(max(batches.batch_size, _VALIDATION_BATCH), recipe.label_smoothing)
            self.metrics.append(losses)
            self.parts["losses"] = LossRecorder(batches, losses)
        self.progress = ProgressBar(recipe.epochs, steps, batches.batch_size)
        writer = RunWriter(folder, recipe, steps, self.parts)
        # The average comes first, so that the others keep the averaged network.
        self.callbacks = [*reversed(self.parts.values()), writer, self.progress, StopOnSignal(), *extra]
        self.scope = strategy.scope if strategy else nullcontext
        if strategy:
            copies = strategy.num_replicas_in_sync
            check_mirrored(recipe, batches.batch_size, len(validation), copies, _VALIDATION_BATCH)
            self.validation_batch = even_batch(len(validation), copies, _VALIDATION_BATCH) or _VALIDATION_BATCH
            self.callbacks.insert(0, SharedStatistics(strategy, steps))

    def run(self, resume: bool, log: Callable[[str], None]) -> str:
        """Train, and leave the best weights in the network.

        Args:
            resume: Continue from the checkpoint.
            log: Called with a sentence if the training is interrupted.

        Returns:
            `finished` or `interrupted`.

        Raises:
            StoppedRun: There are no weights to keep yet.
            TrainingError: The recipe or the checkpoint does not fit.
        """
        done = finished_epochs(self.folder) if resume else start_over(self.folder)
        try:
            found = split_into_phases(self.recipe)
            for phase in found:
                # A run interrupted after its last epoch still needs its checkpoint.
                if phase.end > done or phase is found[-1]:
                    with self.scope():
                        self.prepare_phase(phase, done)
                    self.mark_as_started()
                    self.train_phase(phase, done)
            self.best.restore(self.network)
        except KeyboardInterrupt:
            self.progress.close()
            self.keep_best_weights(log)
            return "interrupted"
        finally:
            self.progress.close()
        return "finished"

    def prepare_phase(self, phase: Phase, done: int) -> None:
        """Give the network the optimizer of a phase, and the state of the checkpoint if the run continues in it."""
        if phase.tuned:
            unfreeze = ARCHITECTURES[self.recipe.model.architecture].unfreeze
            assert unfreeze is not None  # of `check_fine_tuning`
            unfreeze(self.network, self.recipe.fine_tuning.first_layer)
        self.network.compile(
            optimizer=self.optimizer(phase),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=self.recipe.label_smoothing),
            metrics=self.metrics,
            jit_compile=False,  # XLA is slower than TensorFlow's own kernels on a processor
        )
        if done and done >= phase.begin:
            load_checkpoint(self.folder, self.network, self.parts, phase.begin)
        if phase.tuned and done <= phase.begin:
            self.best.restore(self.network)
            self.best.wait = 0

    def mark_as_started(self) -> None:
        """Mark the run as this recipe's and as not finished, once the checkpoint is known to fit."""
        write_atomic(self.folder / "recipe.toml", to_toml(self.recipe))
        (self.folder / "metrics.json").unlink(missing_ok=True)

    def optimizer(self, phase: Phase) -> keras.optimizers.Optimizer:
        """Return the optimizer of a phase."""
        steps = len(self.batches) * (phase.end - phase.begin)
        if not phase.tuned:
            return build_optimizer(self.recipe.optimizer, self.recipe.schedule, steps)
        settings = dataclasses.replace(self.recipe.optimizer, learning_rate=self.recipe.fine_tuning.learning_rate)
        schedule = dataclasses.replace(self.recipe.schedule, name=self.recipe.fine_tuning.schedule)
        return build_optimizer(settings, schedule, steps)

    def train_phase(self, phase: Phase, done: int) -> None:
        """Train the epochs of a phase after the first `done`, with one image size after another."""
        if phase.begin < done and self.best.is_over:
            return
        for begin, end, size in phase.stages:
            if end <= done:
                continue
            if begin >= done and begin > phase.begin and self.recipe.schedule.smaller == "resized":
                self.best.forget()  # the best on smaller images says little about larger ones
            first = max(begin, done)
            self.batches.size = size
            self.batches.start_at(first)  # Keras goes through the data once before each `fit`
            with _memory_error(self.recipe.batch_size):
                self.network.fit(
                    self.batches,
                    epochs=end,
                    initial_epoch=first,
                    verbose=0,
                    callbacks=self.callbacks,
                    shuffle=False,  # they are shuffled already; Keras would change their order after a resume
                    validation_data=self.validation_data(size),
                    validation_batch_size=self.validation_batch,
                )
            if self.network.stop_training:
                break

    def validation_data(self, size: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the validation images at the size of a stage and their targets; None if there are none.

        If the training images are crops, validation uses whole images, as the finished network will see them.
        """
        if not len(self.validation):
            return None
        whole = self.recipe.schedule.smaller == "cropped"
        images = self.validation.images if whole else resize(own_images(self.validation.images), size)
        return np.asarray(images), self.targets

    def keep_best_weights(self, log: Callable[[str], None]) -> None:
        """Put the best weights into the network after Ctrl-C.

        Raises:
            StoppedRun: There are none yet.
        """
        best = self.best
        if best.best_weights is None:
            raise StoppedRun("stopped before the first epoch ended: there are no weights to keep") from None
        self.network.set_weights(best.best_weights)
        figures = f" ({best.monitor} {best.best:.3f})" if best.best is not None else ""
        log(f"Stopped. Keeping the weights of epoch {best.best_epoch + 1}, the best so far{figures}.")


@contextmanager
def _memory_error(batch_size: int) -> Iterator[None]:
    """Turn TensorFlow's error of a device whose memory is full into a TrainingError."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ != "ResourceExhaustedError":
            raise
        raise TrainingError(
            _("the memory of the device is too small for {count} pictures a step; set a smaller batch_size").format(
                count=batch_size
            )
        ) from error
