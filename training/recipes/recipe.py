"""A recipe: all values of a training run. A file in recipes/ has only those that differ from these defaults."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from model.common.errors import VitrineError
from model.datasets.splits import utf8_name
from model.i18n.translations import gettext as _

if TYPE_CHECKING:
    from dataclasses import dataclass as validated
else:
    from pydantic.dataclasses import dataclass as checked

    def validated(frozen: bool) -> Any:
        """Like `dataclass`, but each value is checked against its type and bounds; RecipeError if it is wrong."""

        def decorate(kind: type) -> type:
            made = checked(frozen=frozen, config=ConfigDict(strict=True, extra="forbid", allow_inf_nan=False))(kind)
            begin = made.__init__

            @wraps(begin)
            def __init__(self: Any, *values: Any, **named: Any) -> None:
                try:
                    begin(self, *values, **named)
                except ValidationError as error:
                    raise (_wrapped_error(error) or RecipeError(_explain(error, made))) from None

            made.__init__ = __init__
            return made

        return decorate


def _check_utf8(text: str) -> str:
    """Return a text; raise PydanticCustomError if its bytes were in another encoding."""
    if text != utf8_name(text):
        raise PydanticCustomError("string_unicode", "not UTF-8")
    return text


_Text = Annotated[str, AfterValidator(_check_utf8)]
_Count = Annotated[int, Field(ge=1, le=100_000)]
_Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
_Share = Annotated[float, Field(ge=0.0, le=1.0)]
_Rate = Annotated[float, Field(ge=0.0, le=1e6)]
_Momentum = Annotated[float, Field(ge=0.0, le=0.9999)]
_Widths = Annotated[tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(strict=False, max_length=64)]


class RecipeError(VitrineError, ValueError):
    """A recipe, key or value is unknown or invalid; the message names it and says what would be right."""


@validated(frozen=True)
class DataSettings:
    """How the data is split."""

    validation: Annotated[float, Field(ge=0.0, le=0.9)] = (
        0.1  # share of the training pictures held out, when the data brings no validation split
    )
    test: Annotated[float, Field(ge=0.0, le=0.9)] = 0.1  # the same for a folder of pictures that brings no test split
    seed: _Seed = 0  # of these two draws, apart from the training's seed: runs stay comparable


@validated(frozen=True)
class ModelSettings:
    """The network."""

    architecture: _Text = "airbench"
    input_size: Annotated[int, Field(ge=8, le=1024)] = 32
    widths: _Widths = ()  # empty: the architecture's own
    depth: Annotated[int, Field(ge=0, le=100)] = 0  # convolutions a block; 0: the architecture's own
    batch_norm: bool = False
    dropout: Annotated[float, Field(ge=0.0, le=0.9)] = 0.0  # 0: the architecture's own
    l2: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0  # weight of the squared kernels in the loss
    scaling: Literal["", "standard", "unit"] = ""  # standard | unit; empty: the architecture's own
    # transfer: efficientnet-lite0, a network of keras.applications (resnet50, vgg16, …), or a bundle's name or path
    backbone: _Text = ""
    weights: Literal["imagenet", "none"] = "imagenet"  # transfer: imagenet | none


@validated(frozen=True)
class HeadSettings:
    """The new head of a pretrained backbone."""

    hidden: _Widths = ()  # transfer: units of the dense layers between backbone and logits


@validated(frozen=True)
class AugmentationSettings:
    # alternating: every other epoch shows the mirror image (arXiv 2404.00498)
    """The random changes to training images."""

    flip: Literal["none", "random", "alternating"] = "none"
    shift: Annotated[int, Field(ge=0, le=16)] = 0  # pixels in each direction, edges mirrored
    rotate: Annotated[float, Field(ge=0.0, le=180.0)] = 0.0  # degrees in each direction
    zoom: Annotated[float, Field(ge=0.0, le=0.9)] = 0.0  # at most so much larger or smaller: 0.1 is 10 %
    cutout: Annotated[int, Field(ge=0, le=512)] = (
        0  # side of a square made grey somewhere in each picture (arXiv 1708.04552)
    )
    enlarge: Annotated[float, Field(ge=1.0, le=4.0)] = (
        1.0  # pictures smaller than the network's input: cut out of up to so many times the size
    )
    shrink: Annotated[float, Field(ge=0.1, le=1.0)] = 1.0  # and half of them shown at down to so much of its side
    sharpen: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0  # and every other one of them sharpened by up to so much
    jpeg: _Share = 0.0  # share of the pictures that go through JPEG
    jpeg_quality: Annotated[tuple[int, ...], Field(strict=False)] = (50, 95)


@validated(frozen=True)
class OptimizerSettings:
    # adam | channel_adam (steps in proportion to each channel's weights) | sgd (Nesterov) | muon (sgd whose convolution
    # kernels take orthogonalised steps)
    """The optimizer."""

    name: Literal["adam", "channel_adam", "sgd", "muon"] = "adam"
    learning_rate: _Rate = 0.001  # the peak, where a schedule varies it
    momentum: _Momentum = 0.9
    weight_decay: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0  # decoupled (arXiv 1711.05101)
    bias_scale: Annotated[float, Field(ge=0.0, le=1e6)] = (
        1.0  # sgd, muon: learning rate of normalisation biases, as a multiple
    )
    kernel_scale: Annotated[float, Field(ge=0.0, le=1e6)] = (
        0.16  # muon: learning rate of convolution kernels, as a multiple
    )
    kernel_momentum: _Momentum = 0.6  # muon: momentum of convolution kernels


@validated(frozen=True)
class ScheduleSettings:
    """What changes during the training: the learning rate, the image size, the images of a pass."""

    name: Literal["constant", "triangle"] = "constant"
    start: _Share = 0.2  # of the learning rate, at the first step
    peak: _Share = 0.23  # share of the steps after which the learning rate is highest
    end: _Share = 0.07  # of the learning rate, at the last step
    scales: Annotated[tuple[float, ...], Field(strict=False)] = (
        1.0,
    )  # side of the pictures, of model.input_size; epochs are shared evenly
    smaller: Literal["resized", "cropped"] = "resized"  # how a picture gets the side that scales asks for
    prune: Annotated[float, Field(ge=0.0, le=0.95)] = (
        0.0  # share of the pictures with a loss below the mean left out of a pass (arXiv 2303.04947)
    )
    prune_until: _Share = 0.875  # share of the epochs after which every picture counts again


@validated(frozen=True)
class FineTuningSettings:
    """The last epochs, in which pretrained weights are trained too."""

    epochs: Annotated[int, Field(ge=0, le=100_000)] = 0  # how many of the last epochs train the backbone too
    learning_rate: _Rate = 0.00001  # in these
    schedule: Literal["constant", "triangle"] = "constant"  # in these
    first_layer: _Text = ""  # of those that learn; what comes before it stays as it is; empty: all learn
    mix: _Share = 1.0  # share of the new weights in an average with those before (arXiv 2109.01903), taken at the end
    # networks fine-tuned from the same backbone, whose weights join an average with these (arXiv 2203.05482)
    average: Annotated[tuple[_Text, ...], Field(strict=False)] = ()
    # passes over the pictures from which a new last layer is fitted at the end, on what the layers before it then give
    refit: Annotated[int, Field(ge=0, le=1000)] = 0
    hold: Annotated[float, Field(ge=0.0, le=1000.0)] = (
        0.0  # weight of the backbone's old answers in the loss (arXiv 1606.09282), which then stay an output
    )


@validated(frozen=True)
class PriorSettings:
    """How a backbone's old answers for ImageNet's classes influence the new ones; see `training.engine.prior`."""

    # offset, and weights of the kinds' log odds and of the log of the head's largest probability; empty: no prior
    known: Annotated[tuple[float, ...], Field(strict=False)] = ()
    weight: Annotated[float, Field(ge=0.0, le=100.0)] = (
        0.5  # of the logarithm of the kinds' probability, beside a class's logit
    )
    floor: Annotated[float, Field(ge=1e-6, le=1.0)] = (
        0.01  # added to that probability, for classes that ImageNet hardly knows
    )
    temperature: Annotated[float, Field(ge=0.01, le=100.0)] = 1.0  # divides the sum of both


@validated(frozen=True)
class TileSettings:
    """Pictures that are small and enlarged for the network; see `training.engine.tile_expert`."""

    expert: _Text = ""  # a bundle for their own size, whose answers join in; empty: none
    known: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0  # weight of the joint answer's certainty in what is known


@validated(frozen=True)
class DistillationSettings:
    """Learning from a teacher."""

    teacher: _Text = ""  # a bundle whose probabilities are the targets (arXiv 1503.02531); empty: the labels are
    temperature: Annotated[float, Field(ge=0.1, le=100.0)] = 2.0  # the teacher's logits are divided by it
    views: Annotated[int, Field(ge=1, le=1000)] = 8  # different augmentations of each picture that the teacher answers
    others: Annotated[tuple[_Text, ...], Field(strict=False)] = ()  # bundles that teach beside the teacher, equally


@validated(frozen=True)
class Recipe:
    """All values that decide a run, resolved."""

    name: _Text = "custom"
    description: _Text = ""
    reported: _Text = ""  # what the source of the network says of it, where it has one
    epochs: _Count = 10
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    seed: _Seed = 0
    label_smoothing: Annotated[float, Field(ge=0.0, le=0.99)] = 0.0
    # adaptive: a temperature for each picture, by how certain the network is
    calibration: Literal["temperature", "adaptive"] = "temperature"
    monitor: Literal["accuracy", "loss"] = "accuracy"  # what decides on validation pictures which epoch was the best
    patience: Annotated[int, Field(ge=1, le=1_000_000)] = 10  # epochs without a better one before it stops
    averaging: bool = False  # lookahead averaging of the weights (arXiv 1907.08610)
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    fine_tuning: FineTuningSettings = field(default_factory=FineTuningSettings)
    prior: PriorSettings = field(default_factory=PriorSettings)
    tiles: TileSettings = field(default_factory=TileSettings)
    distillation: DistillationSettings = field(default_factory=DistillationSettings)

    def __post_init__(self) -> None:
        check_consistency(self)


def _wrapped_error(error: ValidationError) -> RecipeError | None:
    """Return the error of `check_consistency`, which pydantic wraps; None if a single value is wrong."""
    found = error.errors()[0].get("ctx", {}).get("error")
    return found if isinstance(found, RecipeError) else None


def _explain(error: ValidationError, kind: type) -> str:
    """Return a sentence that says which value is wrong and what it can be."""
    first = error.errors()[0]
    name, *inside = first["loc"]
    key, value, problem = f"{_prefix_of(kind)}{name}", first["input"], first["type"]
    hint: Any = get_type_hints(kind, include_extras=True).get(str(name), Any)
    if inside:  # of one of a list's items
        hint = get_args(get_args(hint)[0])[0]
    if problem == "literal_error":
        return _("{key} is {value!r}; it can be {names}").format(key=key, value=value, names=", ".join(get_args(hint)))
    if problem in ("greater_than_equal", "less_than_equal"):
        low, high = bounds_of(hint)
        shown = float(value) if isinstance(low, float) else value
        return _("{key} is {value}; it can be {low} to {high}").format(key=key, value=shown, low=low, high=high)
    if problem == "finite_number":
        return _("{key} is {value}; it must be a finite number").format(key=key, value=value)
    if problem == "string_unicode":
        return _("{key} is {value!r}; it must be text in UTF-8").format(key=key, value=value)
    if problem == "tuple_type":
        return _("{key} wants a list such as [1, 2], not {value!r}").format(key=key, value=value)
    kinds = {"int": _("a whole number"), "float": _("a number"), "string": _("a word"), "bool": _("true or false")}
    if wanted := kinds.get(problem.partition("_")[0]):
        return _("{key} wants {kind}, not {value!r}").format(key=key, kind=wanted, value=value)
    return f"{key}: {first['msg']}"


def _prefix_of(kind: type) -> str:
    """Return the prefix of the keys of a settings class: `optimizer.` for OptimizerSettings."""
    return next((f"{name}." for name, hint in get_type_hints(Recipe).items() if hint is kind), "")


def bounds_of(hint: Any) -> tuple[float, float]:
    """Return the least and the largest value, both allowed, of an annotated number."""
    found = {type(limit).__name__: limit for field in hint.__metadata__ for limit in field.metadata}
    return found["Ge"].ge, found["Le"].le


def check_consistency(recipe: Recipe) -> None:
    """Check that the values of a recipe fit together.

    Raises:
        RecipeError: They do not.
    """
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
    if recipe.distillation.others and not recipe.distillation.teacher:
        raise RecipeError(
            _("distillation.others is {names}, but distillation.teacher is empty; name the first teacher there").format(
                names=list(recipe.distillation.others)
            )
        )
    if len(recipe.prior.known) not in (0, 3):
        raise RecipeError(
            _("prior.known is {numbers}; it is three numbers, or none for no prior").format(
                numbers=list(recipe.prior.known)
            )
        )
    if recipe.prior.known and recipe.calibration == "adaptive":
        raise RecipeError(
            _(
                "prior.known and calibration=adaptive do not go together: the prior has a temperature of its own; set "
                "calibration=temperature"
            )
        )
    if recipe.tiles.known and not (recipe.tiles.expert and recipe.prior.known):
        raise RecipeError(
            _(
                "tiles.known is {weight}; it needs an expert whose answer it weighs and a network that says what it "
                "knows: set tiles.expert and prior.known"
            ).format(weight=recipe.tiles.known)
        )
    quality = recipe.augmentation.jpeg_quality
    if len(quality) != 2 or not 1 <= quality[0] <= quality[1] <= 100:
        raise RecipeError(
            _("augmentation.jpeg_quality is {quality}; it is two numbers of 1 to 100, lowest first").format(
                quality=list(quality)
            )
        )


def flatten(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Return all values by their dotted keys, in the order of the fields."""
    flat: dict[str, Any] = {}
    for item in dataclasses.fields(settings):
        value = getattr(settings, item.name)
        if dataclasses.is_dataclass(value):
            flat |= flatten(value, f"{prefix}{item.name}.")
        else:
            flat[prefix + item.name] = value
    return flat
