"""The epochs of a run: phase by phase through Keras's `fit`, from the start or from a checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.common.files import write_atomic
from model.datasets.resized import own_images
from model.datasets.splits import Split
from model.networks.architectures import ARCHITECTURES
from training.engine.augmentation import resize
from training.engine.batches import LossRecorder, SampleLosses, TrainingBatches
from training.engine.callbacks import (
    BestWeights,
    EndWhenAsked,
    RunWriter,
    Stateful,
    TrainingError,
    finished_epochs,
    load_checkpoint,
    start_anew,
)
from training.engine.optimizer import Lookahead, build_optimizer
from training.engine.progress_bar import Progress
from training.recipes.phases import Phase, phases
from training.recipes.recipe import Recipe
from training.recipes.recipe_file import to_toml

VALIDATION_BATCH = 500


class Loop:
    """Trains `network` on `batches` into the folder of a run; `extra` callbacks come after its own."""

    def __init__(
        self,
        network: keras.Model,
        recipe: Recipe,
        validation: Split,
        batches: TrainingBatches,
        folder: Path,
        extra: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        self.network, self.recipe, self.batches, self.folder = network, recipe, batches, folder
        self.validation = validation
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
            losses = SampleLosses(max(batches.batch_size, VALIDATION_BATCH), recipe.label_smoothing)
            self.metrics.append(losses)
            self.parts["losses"] = LossRecorder(batches, losses)
        self.progress = Progress(recipe.epochs, steps, batches.batch_size)
        writer = RunWriter(folder, recipe, steps, self.parts)
        # The average comes first: what the others keep is the averaged network.
        self.callbacks = [*reversed(self.parts.values()), writer, self.progress, EndWhenAsked(), *extra]

    def run(self, resume: bool, say: Callable[[str], None]) -> str:
        """Leave the best weights in the network; returns `finished` or `interrupted`. Raises TrainingError."""
        done = finished_epochs(self.folder) if resume else start_anew(self.folder)
        try:
            found = phases(self.recipe)
            for phase in found:
                # A run that was cut off after its last epoch still needs what its checkpoint holds.
                if phase.end > done or phase is found[-1]:
                    self.start(phase, done)
                    self.settle()
                    self.go_through(phase, done)
            self.best.restore(self.network)
        except KeyboardInterrupt:
            self.progress.close()
            self.keep_best(say)
            return "interrupted"
        finally:
            self.progress.close()
        return "finished"

    def start(self, phase: Phase, done: int) -> None:
        """Give the network the optimiser of a phase, and the state of its checkpoint if that is where it goes on."""
        if phase.tuned:
            unfreeze = ARCHITECTURES[self.recipe.model.architecture].unfreeze
            if unfreeze is None:
                raise TrainingError(
                    f"fine_tuning.epochs is {self.recipe.fine_tuning.epochs}, but nothing in the architecture "
                    f"{self.recipe.model.architecture!r} was trained before; set it to 0 or model.architecture=transfer"
                )
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

    def settle(self) -> None:
        """The checkpoint fits: from here on the run is this recipe's, and has not ended."""
        write_atomic(self.folder / "recipe.toml", to_toml(self.recipe))
        (self.folder / "metrics.json").unlink(missing_ok=True)

    def optimizer(self, phase: Phase) -> keras.optimizers.Optimizer:
        steps = len(self.batches) * (phase.end - phase.begin)
        if not phase.tuned:
            return build_optimizer(self.recipe.optimizer, self.recipe.schedule, steps)
        settings = dataclasses.replace(self.recipe.optimizer, learning_rate=self.recipe.fine_tuning.learning_rate)
        schedule = dataclasses.replace(self.recipe.schedule, name=self.recipe.fine_tuning.schedule)
        return build_optimizer(settings, schedule, steps)

    def go_through(self, phase: Phase, done: int) -> None:
        """The epochs of a phase after the first `done`, with pictures of one size after another."""
        if phase.begin < done and self.best.is_over:
            return
        for begin, end, size in phase.stages:
            if end <= done:
                continue
            if begin >= done and begin > phase.begin and self.recipe.schedule.smaller == "resized":
                self.best.forget()  # what was best on smaller pictures says little of larger ones
            first = max(begin, done)
            self.batches.size = size
            self.batches.start_at(first)  # Keras goes through the data once more before each `fit`
            self.network.fit(
                self.batches,
                epochs=end,
                initial_epoch=first,
                verbose=0,
                callbacks=self.callbacks,
                shuffle=False,  # the batches are shuffled already; Keras would draw their order anew after a resume
                validation_data=self.held_out(size),
                validation_batch_size=VALIDATION_BATCH,
            )
            if self.network.stop_training:
                break

    def held_out(self, size: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The validation pictures as the stage needs them, and their targets; None without any.

        Where training pictures are pieces, whole pictures validate: so does the finished network see them.
        """
        if not len(self.validation):
            return None
        whole = self.recipe.schedule.smaller == "cropped"
        images = self.validation.images if whole else resize(own_images(self.validation.images), size)
        return np.asarray(images), self.targets

    def keep_best(self, say: Callable[[str], None]) -> None:
        """After Ctrl-C. Raises TrainingError when there is nothing to keep."""
        best = self.best
        if best.best_weights is None:
            raise TrainingError("stopped before the first epoch ended: there are no weights to keep") from None
        self.network.set_weights(best.best_weights)
        figures = f" ({best.monitor} {best.best:.3f})" if best.best is not None else ""
        say(f"Stopped. Keeping the weights of epoch {best.best_epoch + 1}, the best so far{figures}.")
