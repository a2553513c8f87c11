"""Scale uint8 pixels to the numbers that a network expects; for networks made elsewhere, outside the network."""

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

# Mean and standard deviation of CIFAR-10's training pixels, 0 to 255. They are close to those of any photographs, so
# one constant serves every data set.
PIXEL_MEAN = (125.3, 123.0, 113.9)
PIXEL_STD = (63.0, 62.1, 66.7)
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # in the order BGR
RGB, _BGR = (0, 1, 2), (2, 1, 0)
READ, TRIED, GUESSED, CONFIRMED = "read", "tried", "guessed", "confirmed"  # how a card's scaling is known


@dataclass(frozen=True)
class Scaling:
    """A convention: value * factor + offset for each channel, in the network's order of channels.

    Attributes:
        name: Its name.
        factor: One for each channel.
        offset: One for each channel.
        about: A description.
        order: The index of each channel in RGB.
    """

    name: str
    factor: tuple[float, float, float]
    offset: tuple[float, float, float]
    about: str
    order: tuple[int, int, int] = RGB

    @property
    def value_range(self) -> tuple[float, float]:
        """The lowest and the highest number that a pixel becomes, in any channel."""
        return min(self.offset), max(255 * f + o for f, o in zip(self.factor, self.offset, strict=True))

    def is_rgb(self, channels: int) -> bool:
        """Return whether images with this many channels keep their order."""
        return channels != 3 or self.order == RGB

    def for_channels(self, channels: int) -> tuple[list[float], list[float]]:
        """Return factors and offsets for this many channels; for grey images, the mean of the three."""
        if channels == 3:
            return list(self.factor), list(self.offset)
        return [sum(self.factor) / 3], [sum(self.offset) / 3]


def _standardization(name: str, mean: tuple[float, ...], std: tuple[float, ...], about: str) -> Scaling:
    factor, offset = [1 / s for s in std], [-m / s for m, s in zip(mean, std, strict=True)]
    return Scaling(name, (factor[0], factor[1], factor[2]), (offset[0], offset[1], offset[2]), about)


SCALINGS: dict[str, Scaling] = {
    entry.name: entry
    for entry in (
        Scaling("none", (1.0,) * 3, (0.0,) * 3, marked("0 to 255, as they are")),
        Scaling("unit", (1 / 255,) * 3, (0.0,) * 3, marked("0 to 1")),
        Scaling("symmetric", (1 / 127.5,) * 3, (-1.0,) * 3, marked("-1 to 1")),
        _standardization("standard", PIXEL_MEAN, PIXEL_STD, marked("mean 0 and deviation 1, by CIFAR-10's pixels")),
        _standardization(
            "imagenet", IMAGENET_MEAN, IMAGENET_STD, marked("mean 0 and deviation 1, by ImageNet's pixels")
        ),
        Scaling(
            "caffe",
            (1.0,) * 3,
            (-CAFFE_MEAN[0], -CAFFE_MEAN[1], -CAFFE_MEAN[2]),
            marked("blue first, 0 to 255 less ImageNet's mean"),
            _BGR,
        ),
    )
}


def check_scaling(name: str, error: type[ValueError] = BundleError) -> None:
    """Check that there is a scaling of this name.

    Args:
        name: The name.
        error: The error to raise.

    Raises:
        ValueError: The given error: there is none.
    """
    if name not in SCALINGS:
        raise error(_("unknown scaling {scaling!r}; scalings: {names}").format(scaling=name, names=", ".join(SCALINGS)))


def scale_images(pictures: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Scale images with 0 to 255, (n, height, width, channels), to float32 in the network's order of channels."""
    factor, offset = scaling.for_channels(pictures.shape[-1])
    ordered = pictures if scaling.is_rgb(pictures.shape[-1]) else pictures[..., list(scaling.order)]
    return np.asarray(ordered * np.array(factor, np.float32) + np.array(offset, np.float32))


def to_network_input(pictures: Any, scaling: str, wanted: Any) -> Any:
    """Convert uint8 images (n, height, width, channels) to the tensor that a network expects.

    Args:
        pictures: The images, a TensorFlow tensor.
        scaling: A name of SCALINGS.
        wanted: The network's input, which may have no channel axis if it is for grey images.
    """
    import tensorflow as tf

    if scaling != "none":
        entry = SCALINGS[scaling]
        factor, offset = entry.for_channels(pictures.shape[-1])
        if not entry.is_rgb(pictures.shape[-1]):
            pictures = tf.gather(pictures, list(entry.order), axis=-1)
        pictures = tf.cast(pictures, tf.float32) * tf.constant(factor) + tf.constant(offset)
    pictures = tf.cast(pictures, wanted.dtype)
    return pictures if len(wanted.shape) == 4 else tf.squeeze(pictures, -1)


def compile_function(
    network: keras.Model, shape: InputShape, scaling: str = "none", batch: int | None = None, dtype: str = "uint8"
) -> Callable[[np.ndarray], np.ndarray]:
    """Compile a network into a function from images (n, height, width, channels) to outputs (n, …).

    The outputs of a network with several are joined into one row, float32. The function is traced at its first call.

    Args:
        network: The network.
        shape: The shape of an image.
        scaling: A name of SCALINGS.
        batch: The number of images for each call; None for any, which is slower.
        dtype: The dtype of the images.
    """
    import tensorflow as tf

    def answer(pictures: tf.Tensor) -> tf.Tensor:
        # With training=True, some layers would change images at random.
        answers = network(to_network_input(pictures, scaling, network.inputs[0]), training=False)
        if not isinstance(answers, list):
            return answers
        return tf.concat([tf.cast(one, tf.float32) for one in answers], axis=1)

    function = tf.function(answer, input_signature=[tf.TensorSpec((batch, *shape), dtype)], autograph=False)
    return lambda pictures: np.asarray(function(tf.constant(pictures)))


def scaling_layers(pictures: Any, scaling: str) -> Any:
    """Scale a Keras tensor of images, 0 to 255, like `to_network_input`, with layers that can be converted."""
    import keras

    entry = SCALINGS[scaling]
    if not entry.is_rgb(pictures.shape[-1]):
        pictures = keras.layers.Concatenate()([pictures[..., index : index + 1] for index in entry.order])
    return keras.layers.Rescaling(*entry.for_channels(pictures.shape[-1]))(pictures)


def image_input(input_size: int | None) -> Any:
    """Return the uint8 RGB input of every network, (n, size, size, 3)."""
    import keras

    return keras.Input((input_size, input_size, 3), dtype="uint8", name="image")


def scaled_input(input_size: int | None, scaling: str = "standard") -> tuple[Any, Any]:
    """Return the uint8 RGB input of a network and the same scaled, (n, size, size, 3) each.

    Args:
        input_size: Height and width, in pixels; None for any.
        scaling: `standard` (mean 0, deviation 1) or `unit` (0 to 1).
    """
    import keras

    inputs = image_input(input_size)
    if scaling == "unit":
        return inputs, keras.layers.Rescaling(1 / 255, name="scale")(inputs)
    variance = [std**2 for std in PIXEL_STD]
    return inputs, keras.layers.Normalization(mean=PIXEL_MEAN, variance=variance, name="standardize")(inputs)
