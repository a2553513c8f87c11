"""A recipe: every value of a training run. A file in recipes/ holds only what differs from these defaults."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from model.common.errors import VitrineError
from model.i18n.translations import gettext as _


class RecipeError(VitrineError, ValueError):
    """A recipe, a key or a value that is not known; the message names it and what would be right."""


@dataclass(frozen=True)
class DataSettings:
    validation: float = 0.1  # share of the training pictures held out, when the data brings no validation split
    test: float = 0.1  # the same for a folder of pictures that brings no test split
    seed: int = 0  # of these two draws, apart from the training's seed: runs stay comparable


@dataclass(frozen=True)
class ModelSettings:
    architecture: str = "airbench"
    input_size: int = 32
    widths: tuple[int, ...] = ()  # empty: the architecture's own
    depth: int = 0  # convolutions a block; 0: the architecture's own
    batch_norm: bool = False
    dropout: float = 0.0  # 0: the architecture's own
    l2: float = 0.0  # weight of the squared kernels in the loss
    scaling: str = ""  # standard | unit; empty: the architecture's own
    backbone: str = ""  # transfer: a network of keras.applications (resnet50, vgg16, …), or a bundle's name or path
    weights: str = "imagenet"  # transfer: imagenet | none


@dataclass(frozen=True)
class HeadSettings:
    hidden: tuple[int, ...] = ()  # transfer: units of the dense layers between backbone and logits


@dataclass(frozen=True)
class AugmentationSettings:
    flip: str = "none"  # none | random | alternating (every other epoch shows the mirror image, arXiv 2404.00498)
    shift: int = 0  # pixels in each direction, edges mirrored
    rotate: float = 0.0  # degrees in each direction
    zoom: float = 0.0  # at most so much larger or smaller: 0.1 is 10 %
    cutout: int = 0  # side of a square made grey somewhere in each picture (arXiv 1708.04552)
    enlarge: float = 1.0  # pictures smaller than the network's input: cut out of up to so many times the size
    sharpen: float = 0.0  # and every other one of them sharpened by up to so much
    jpeg: float = 0.0  # share of the pictures that go through JPEG
    jpeg_quality: tuple[int, ...] = (50, 95)


@dataclass(frozen=True)
class OptimizerSettings:
    # adam | channel_adam (steps in proportion to each channel's weights) | sgd (Nesterov) | muon (sgd whose convolution
    # kernels take orthogonalised steps)
    name: str = "adam"
    learning_rate: float = 0.001  # the peak, where a schedule varies it
    momentum: float = 0.9
    weight_decay: float = 0.0  # decoupled (arXiv 1711.05101)
    bias_scale: float = 1.0  # sgd, muon: learning rate of normalisation biases, as a multiple
    kernel_scale: float = 0.16  # muon: learning rate of convolution kernels, as a multiple
    kernel_momentum: float = 0.6  # muon: momentum of convolution kernels


@dataclass(frozen=True)
class ScheduleSettings:
    name: str = "constant"  # constant | triangle
    start: float = 0.2  # of the learning rate, at the first step
    peak: float = 0.23  # share of the steps after which the learning rate is highest
    end: float = 0.07  # of the learning rate, at the last step
    scales: tuple[float, ...] = (1.0,)  # side of the pictures, of model.input_size; epochs are shared evenly
    smaller: str = "resized"  # resized | cropped: how a picture gets the side that scales asks for
    prune: float = 0.0  # share of the pictures with a loss below the mean left out of a pass (arXiv 2303.04947)
    prune_until: float = 0.875  # share of the epochs after which every picture counts again


@dataclass(frozen=True)
class FineTuningSettings:
    epochs: int = 0  # how many of the last epochs train the backbone too
    learning_rate: float = 0.00001  # in these
    schedule: str = "constant"  # constant | triangle, in these
    first_layer: str = ""  # of those that learn; what comes before it stays as it is; empty: all learn
    mix: float = 1.0  # share of the new weights in an average with those before (arXiv 2109.01903), taken at the end
    hold: float = 0.0  # weight of the backbone's old answers in the loss (arXiv 1606.09282), which then stay an output


@dataclass(frozen=True)
class PriorSettings:
    """What the old answers that were held, of ImageNet's thousand classes, have a say in; see training.engine.prior."""

    # offset, and weights of the kinds' log odds and of the log of the head's largest probability; empty: no prior
    known: tuple[float, ...] = ()
    weight: float = 0.5  # of the logarithm of the kinds' probability, beside a class's logit
    floor: float = 0.01  # added to that probability, for classes that ImageNet hardly knows
    temperature: float = 1.0  # divides the sum of both


@dataclass(frozen=True)
class DistillationSettings:
    teacher: str = ""  # a bundle whose probabilities are the targets (arXiv 1503.02531); empty: the labels are
    temperature: float = 2.0  # the teacher's logits are divided by it
    views: int = 8  # different augmentations of each picture that the teacher answers


@dataclass(frozen=True)
class Recipe:
    """Every value that decides a run, resolved."""

    name: str = "custom"
    description: str = ""
    reported: str = ""  # what the source of the network says of it, where it has one
    epochs: int = 10
    batch_size: int = 64
    seed: int = 0
    label_smoothing: float = 0.0
    calibration: str = "temperature"  # temperature | adaptive: one for each picture, by how certain the network is
    monitor: str = "accuracy"  # accuracy | loss: what decides on validation pictures which epoch was the best
    patience: int = 10  # epochs without a better one before it stops
    averaging: bool = False  # lookahead averaging of the weights (arXiv 1907.08610)
    precision: str = "auto"  # auto | float32 | mixed_bfloat16
    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    fine_tuning: FineTuningSettings = field(default_factory=FineTuningSettings)
    prior: PriorSettings = field(default_factory=PriorSettings)
    distillation: DistillationSettings = field(default_factory=DistillationSettings)

    def __post_init__(self) -> None:
        check(self)


CHOICES = {
    "calibration": ("temperature", "adaptive"),
    "monitor": ("accuracy", "loss"),
    "augmentation.flip": ("none", "random", "alternating"),
    "optimizer.name": ("adam", "channel_adam", "sgd", "muon"),
    "fine_tuning.schedule": ("constant", "triangle"),
    "schedule.smaller": ("resized", "cropped"),
    "schedule.name": ("constant", "triangle"),
    "model.scaling": ("", "standard", "unit"),
    "model.weights": ("imagenet", "none"),
    "precision": ("auto", "float32", "mixed_bfloat16"),
}
# Inclusive bounds of values that would otherwise fail in the middle of a run, or never end.
BOUNDS = {
    "epochs": (1, 100_000),
    "batch_size": (1, 1_000_000),
    "patience": (1, 1_000_000),
    "seed": (0, 2**32 - 1),
    "data.seed": (0, 2**32 - 1),
    "label_smoothing": (0.0, 0.99),
    "data.validation": (0.0, 0.9),
    "data.test": (0.0, 0.9),
    "model.input_size": (8, 1024),
    "augmentation.shift": (0, 16),
    "augmentation.enlarge": (1.0, 4.0),
    "augmentation.sharpen": (0.0, 10.0),
    "augmentation.jpeg": (0.0, 1.0),
    "optimizer.learning_rate": (0.0, 1e6),
    "optimizer.momentum": (0.0, 0.9999),
    "optimizer.kernel_momentum": (0.0, 0.9999),
    "schedule.peak": (0.0, 1.0),
    "schedule.prune": (0.0, 0.95),
    "schedule.prune_until": (0.0, 1.0),
    "augmentation.rotate": (0.0, 180.0),
    "augmentation.zoom": (0.0, 0.9),
    "augmentation.cutout": (0, 512),
    "model.dropout": (0.0, 0.9),
    "model.l2": (0.0, 10.0),
    "model.depth": (0, 100),
    "fine_tuning.epochs": (0, 100_000),
    "fine_tuning.learning_rate": (0.0, 1e6),
    "fine_tuning.hold": (0.0, 1000.0),
    "fine_tuning.mix": (0.0, 1.0),
    "prior.weight": (0.0, 100.0),
    "prior.floor": (1e-6, 1.0),
    "prior.temperature": (0.01, 100.0),
    "distillation.temperature": (0.1, 100.0),
    "distillation.views": (1, 1000),
}


def check(recipe: Recipe) -> None:
    """Raise RecipeError for a value that no run could use."""
    flat = flatten(recipe)
    for key, choices in CHOICES.items():
        if flat[key] not in choices:
            raise RecipeError(
                _("{key} is {value!r}; it can be {names}").format(key=key, value=flat[key], names=", ".join(choices))
            )
    for key, (low, high) in BOUNDS.items():
        if not low <= flat[key] <= high:
            raise RecipeError(
                _("{key} is {value}; it can be {low} to {high}").format(key=key, value=flat[key], low=low, high=high)
            )
    if not recipe.schedule.scales or any(not 0 < scale <= 1 for scale in recipe.schedule.scales):
        raise RecipeError(
            _("schedule.scales is {scales}; it is a list of shares above 0 and up to 1").format(
                scales=list(recipe.schedule.scales)
            )
        )
    if recipe.fine_tuning.epochs >= recipe.epochs:
        raise RecipeError(
            _(
                "fine_tuning.epochs is {epochs}; they are the last of the {all} epochs, and the "
                "first ones train the head"
            ).format(epochs=recipe.fine_tuning.epochs, all=recipe.epochs)
        )
    if recipe.distillation.teacher and recipe.schedule.prune:
        raise RecipeError(
            _(
                "distillation.teacher and schedule.prune do not go together: a teacher answers whole "
                "passes; set one only"
            )
        )
    if len(recipe.prior.known) not in (0, 3):
        raise RecipeError(
            _("prior.known is {numbers}; it is three numbers, or none for no prior").format(
                numbers=list(recipe.prior.known)
            )
        )
    quality = recipe.augmentation.jpeg_quality
    if len(quality) != 2 or not 1 <= quality[0] <= quality[1] <= 100:
        raise RecipeError(
            _("augmentation.jpeg_quality is {quality}; it is two numbers of 1 to 100, lowest first").format(
                quality=list(quality)
            )
        )


def flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Every value by its dotted key, in the order of the fields."""
    flat: dict[str, Any] = {}
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if dataclasses.is_dataclass(value):
            flat |= flatten(value, f"{prefix}{item.name}.")
        else:
            flat[prefix + item.name] = value
    return flat
