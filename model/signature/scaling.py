"""From uint8 pictures to the numbers that networks compute with: a part of our own, beside networks made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.common.errors import BundleError
from model.i18n.translations import gettext as _
from model.i18n.translations import marked
from model.signature.shapes import InputShape

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# Mean and standard deviation of CIFAR-10's training pixels on the 0..255 scale; close enough to any
# natural photographs, so that one constant serves every data set.
PIXEL_MEAN = (125.3, 123.0, 113.9)
PIXEL_STD = (63.0, 62.1, 66.7)
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green and red
RGB, BGR = (0, 1, 2), (2, 1, 0)
READ, TRIED, GUESSED, CONFIRMED = "read", "tried", "guessed", "confirmed"  # how a card's scaling is known


@dataclass(frozen=True)
class Scaling:
    """value * factor + offset, for each channel as a network gets it; order: which of red, green and blue that is."""

    name: str
    factor: tuple[float, float, float]
    offset: tuple[float, float, float]
    about: str
    order: tuple[int, int, int] = RGB

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest number that a pixel becomes, in any channel."""
        return min(self.offset), max(255 * f + o for f, o in zip(self.factor, self.offset, strict=True))

    def is_rgb(self, channels: int) -> bool:
        """Whether so many channels stay in their order."""
        return channels != 3 or self.order == RGB

    def of(self, channels: int) -> tuple[list[float], list[float]]:
        """Factors and offsets of that many channels: a grey picture's is the mean of the three."""
        if channels == 3:
            return list(self.factor), list(self.offset)
        return [sum(self.factor) / 3], [sum(self.offset) / 3]


def standard(name: str, mean: tuple[float, ...], std: tuple[float, ...], about: str) -> Scaling:
    factor, offset = [1 / s for s in std], [-m / s for m, s in zip(mean, std, strict=True)]
    return Scaling(name, (factor[0], factor[1], factor[2]), (offset[0], offset[1], offset[2]), about)


SCALINGS: dict[str, Scaling] = {
    entry.name: entry
    for entry in (
        Scaling("none", (1.0,) * 3, (0.0,) * 3, marked("0 to 255, as they are")),
        Scaling("unit", (1 / 255,) * 3, (0.0,) * 3, marked("0 to 1")),
        Scaling("symmetric", (1 / 127.5,) * 3, (-1.0,) * 3, marked("-1 to 1")),
        standard("standard", PIXEL_MEAN, PIXEL_STD, marked("mean 0 and deviation 1, by CIFAR-10's pixels")),
        standard("imagenet", IMAGENET_MEAN, IMAGENET_STD, marked("mean 0 and deviation 1, by ImageNet's pixels")),
        Scaling(
            "caffe",
            (1.0,) * 3,
            (-CAFFE_MEAN[0], -CAFFE_MEAN[1], -CAFFE_MEAN[2]),
            marked("blue first, 0 to 255 less ImageNet's mean"),
            BGR,
        ),
    )
}


def check_scaling(name: str, error: type[ValueError] = BundleError) -> None:
    """Raises an error of ours for a name that is none of SCALINGS."""
    if name not in SCALINGS:
        raise error(_("{scaling!r} is no scaling; scalings: {names}").format(scaling=name, names=", ".join(SCALINGS)))


def as_numbers(pictures: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Pictures of 0 to 255 (n, height, width, channels) as the float32 numbers of a convention, its order included."""
    factor, offset = scaling.of(pictures.shape[-1])
    ordered = pictures if scaling.is_rgb(pictures.shape[-1]) else pictures[..., list(scaling.order)]
    return np.asarray(ordered * np.array(factor, np.float32) + np.array(offset, np.float32))


def as_wanted(pictures: Any, scaling: str, wanted: Any) -> Any:
    """uint8 pictures (n, height, width, channels) as the tensor that a network wants.

    scaling: a name of SCALINGS; wanted: the network's input, which may have no axis for the one channel of grey.
    """
    import tensorflow as tf

    if scaling != "none":
        entry = SCALINGS[scaling]
        factor, offset = entry.of(pictures.shape[-1])
        if not entry.is_rgb(pictures.shape[-1]):
            pictures = tf.gather(pictures, list(entry.order), axis=-1)
        pictures = tf.cast(pictures, tf.float32) * tf.constant(factor) + tf.constant(offset)
    pictures = tf.cast(pictures, wanted.dtype)
    return pictures if len(wanted.shape) == 4 else tf.squeeze(pictures, -1)


def as_function(
    network: keras.Model, shape: InputShape, scaling: str = "none", batch: int | None = None, dtype: str = "uint8"
) -> Callable[[np.ndarray], np.ndarray]:
    """A network as a compiled function: pictures (n, height, width, channels) in, its answers (n, …) out.

    scaling: as `as_wanted` has it; batch: how many pictures it takes at a time, None for any number, which is slower;
    dtype: theirs. The answers of a network with several outputs stand side by side in one row, float32. It is traced
    when it is first called.
    """
    import tensorflow as tf

    def answer(pictures: tf.Tensor) -> tf.Tensor:
        # Some layers would change pictures at random while training.
        answers = network(as_wanted(pictures, scaling, network.inputs[0]), training=False)
        if not isinstance(answers, list):
            return answers
        return tf.concat([tf.cast(one, tf.float32) for one in answers], axis=1)

    function = tf.function(answer, input_signature=[tf.TensorSpec((batch, *shape), dtype)], autograph=False)
    return lambda pictures: np.asarray(function(tf.constant(pictures)))


def scaling_layers(pictures: Any, scaling: str) -> Any:
    """A Keras tensor of pictures, 0 to 255, as `as_wanted` makes it, in layers that can be saved and converted."""
    import keras

    entry = SCALINGS[scaling]
    if not entry.is_rgb(pictures.shape[-1]):
        pictures = keras.layers.Concatenate()([pictures[..., place : place + 1] for place in entry.order])
    return keras.layers.Rescaling(*entry.of(pictures.shape[-1]))(pictures)


def whole_input(input_size: int | None) -> Any:
    """The uint8 RGB input of every network, (n, size, size, 3)."""
    import keras

    return keras.Input((input_size, input_size, 3), dtype="uint8", name="image")


def scaled_input(input_size: int | None, scaling: str = "standard") -> tuple[Any, Any]:
    """The uint8 RGB input of a network, and the same as numbers: (n, size, size, 3) each.

    scaling: `standard` (mean 0, deviation 1) or `unit` (0 to 1).
    """
    import keras

    inputs = whole_input(input_size)
    if scaling == "unit":
        return inputs, keras.layers.Rescaling(1 / 255, name="scale")(inputs)
    variance = [std**2 for std in PIXEL_STD]
    return inputs, keras.layers.Normalization(mean=PIXEL_MEAN, variance=variance, name="standardize")(inputs)
