"""The networks: name -> builder. Every network takes uint8 RGB and gives probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

# Mean and standard deviation of CIFAR-10's training pixels on the 0..255 scale; close enough to any
# natural photographs, so that one constant serves every data set.
PIXEL_MEAN = (125.3, 123.0, 113.9)
PIXEL_STD = (63.0, 62.1, 66.7)


@dataclass(frozen=True)
class Architecture:
    """A network that can be built by name."""

    name: str
    build: Callable[..., keras.Model]
    about: str
    prepare: Callable[[keras.Model, np.ndarray], None] | None = None  # sets starting weights from training images


def scaled_input(input_size: int) -> tuple[Any, Any]:
    """The uint8 RGB input of every network, and the same standardised: (n, size, size, 3) each."""
    import keras

    inputs = keras.Input((input_size, input_size, 3), dtype="uint8", name="image")
    variance = [std**2 for std in PIXEL_STD]
    return inputs, keras.layers.Normalization(mean=PIXEL_MEAN, variance=variance, name="standardize")(inputs)


def airbench(
    classes: int, input_size: int = 32, widths: tuple[int, ...] = (64, 256, 256), activation: str = "gelu"
) -> keras.Model:
    """A whitening layer and three blocks of two 3x3 convolutions (K. Jordan, arXiv 2404.00498)."""
    import keras
    from keras import layers

    def small_uniform() -> Any:
        return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")

    def norm_activation(x: Any, name: str) -> Any:
        # No scale: the next convolution can learn it. Momentum 0.6: training is a few hundred steps.
        x = layers.BatchNormalization(momentum=0.6, epsilon=1e-6, scale=False, name=f"{name}_norm")(x)
        return layers.Activation(activation, name=f"{name}_{activation}")(x)

    inputs, x = scaled_input(input_size)
    x = layers.Conv2D(24, 2, name="whitening")(x)
    x = layers.Activation(activation, name=f"whitening_{activation}")(x)
    for block, width in enumerate(widths, start=1):
        name = f"block{block}"
        x = layers.Conv2D(
            width, 3, padding="same", use_bias=False, kernel_initializer=small_uniform(), name=f"{name}_conv1"
        )(x)
        x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
        x = norm_activation(x, f"{name}_1")
        x = layers.Conv2D(
            width, 3, padding="same", use_bias=False, kernel_initializer=small_uniform(), name=f"{name}_conv2"
        )(x)
        x = norm_activation(x, f"{name}_2")
    x = layers.GlobalMaxPooling2D(name="features")(x)
    # Features after a max are large; a ninth of them gives logits a softmax can start from.
    x = layers.Rescaling(1 / 9, name="temper")(x)
    x = layers.Dense(classes, use_bias=False, kernel_initializer=small_uniform(), name="logits")(x)
    outputs = layers.Activation("softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="airbench")


def prepare_airbench(model: keras.Model, images: np.ndarray) -> None:
    """Give `airbench` its starting point, from training images, uint8 (n, size, size, 3) (arXiv 2404.00498).

    Section 3.1: the 2x2 kernel is fixed to the directions in which patches vary, each with both signs and
    scaled to unit variance. Section 3.2: the first filters of every other convolution pass their channel through.
    """
    scaled = (images.astype(np.float32) - PIXEL_MEAN) / PIXEL_STD
    windows = np.lib.stride_tricks.sliding_window_view(scaled, (2, 2), axis=(1, 2))
    patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 12)  # (patches, height * width * channels)
    values, vectors = np.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / np.sqrt(values + 5e-4)).reshape(2, 2, 3, 12)
    whitening = model.get_layer("whitening")
    whitening.kernel.assign(np.concatenate([filters, -filters], axis=-1))
    whitening.kernel.trainable = False
    for layer in model.layers:
        if layer.name.startswith("block") and "_conv" in layer.name:
            kernel = np.array(layer.get_weights()[0])  # (height, width, channels, filters)
            passed = min(kernel.shape[2:])
            kernel[:, :, :, :passed] = 0.0
            kernel[1, 1, range(passed), range(passed)] = 1.0
            layer.kernel.assign(kernel)


ARCHITECTURES: dict[str, Architecture] = {
    entry.name: entry
    for entry in (
        Architecture(
            "airbench", airbench, "2x2 whitening, three blocks of two 3x3 convolutions, GELU", prepare_airbench
        ),
    )
}


def build_model(name: str, classes: int, input_size: int = 32, **settings: Any) -> keras.Model:
    """Build an untrained network: uint8 (n, input_size, input_size, 3) in, float32 probabilities (n, classes) out.

    Raises ValueError for an unknown name or setting, with the known ones.
    """
    if name not in ARCHITECTURES:
        near = get_close_matches(name, ARCHITECTURES)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown architecture {name!r}; architectures: {', '.join(ARCHITECTURES)}{hint}")
    try:
        return ARCHITECTURES[name].build(classes=classes, input_size=input_size, **settings)
    except TypeError as error:
        raise ValueError(f"architecture {name!r} cannot be built with {settings}: {error}") from error
    except ValueError as error:  # Keras's own words for it fill a page
        raise ValueError(
            f"architecture {name!r} cannot be built for {input_size} x {input_size} pictures with {settings}"
        ) from error
