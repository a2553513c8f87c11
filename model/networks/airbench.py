"""The airbench networks (K. Jordan, arXiv 2404.00498) and their initialization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from model.signature.scaling import PIXEL_MEAN, PIXEL_STD, scaled_input

if TYPE_CHECKING:
    import keras


def airbench(
    classes: int,
    input_size: int | None = 32,
    widths: tuple[int, ...] = (64, 256, 256),
    depth: int = 2,
    activation: str = "gelu",
) -> keras.Model:
    """Build a network with a whitening layer and three blocks of 3x3 convolutions (K. Jordan, arXiv 2404.00498).

    Args:
        classes: The number of classes.
        input_size: Height and width of the images, in pixels.
        widths: The filters of each block.
        depth: Convolutions in a block; from 3 on, a residual connection skips those after the first.
        activation: The name of a Keras activation.
    """
    import keras
    from keras import layers

    def small_uniform() -> Any:
        return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")

    def convolve(x: Any, width: int, name: str) -> Any:
        return layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer=small_uniform(), name=name)(x)

    def norm(x: Any, name: str) -> Any:
        # No scale: the next convolution can learn it. Momentum 0.6: training is a few hundred steps.
        return layers.BatchNormalization(momentum=0.6, epsilon=1e-6, scale=False, name=f"{name}_norm")(x)

    def activate(x: Any, name: str) -> Any:
        return layers.Activation(activation, name=f"{name}_{activation}")(x)

    inputs, x = scaled_input(input_size)
    x = layers.Conv2D(24, 2, name="whitening")(x)
    x = activate(x, "whitening")
    for block, width in enumerate(widths, start=1):
        name = f"block{block}"
        x = convolve(x, width, f"{name}_conv1")
        x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
        x = shortcut = activate(norm(x, f"{name}_1"), f"{name}_1")
        for index in range(2, depth + 1):
            x = norm(convolve(x, width, f"{name}_conv{index}"), f"{name}_{index}")
            if index == depth > 2:
                x = layers.Add(name=f"{name}_add")([x, shortcut])
            x = activate(x, f"{name}_{index}")
    x = layers.GlobalMaxPooling2D(name="features")(x)
    # Features after a max are large; a ninth of them gives logits a softmax can start from.
    x = layers.Rescaling(1 / 9, name="temper")(x)
    x = layers.Dense(classes, use_bias=False, kernel_initializer=small_uniform(), name="logits")(x)
    outputs = layers.Activation("softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="airbench")


def prepare_airbench(model: keras.Model, images: np.ndarray) -> None:
    """Set the starting weights of `airbench`, in place (K. Jordan, arXiv 2404.00498).

    Section 3.1: the 2x2 kernel is fixed to the principal directions of image patches, each with both signs and scaled
    to unit variance. Section 3.2: the first filters of every other convolution pass their channel through.

    Args:
        model: The network.
        images: Training images, uint8 (n, size, size, 3).
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
