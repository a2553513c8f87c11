"""A small residual network for CIFAR-sized pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.networks.plain_cnns import classify
from model.signature.scaling import scaled_input

if TYPE_CHECKING:
    import keras


def residual(
    classes: int,
    input_size: int | None = 32,
    widths: tuple[int, ...] = (16, 32, 64),
    depth: int = 3,
) -> keras.Model:
    """Stages of `depth` blocks of two 3x3 convolutions with a way around (K. He et al., arXiv 1512.03385, section 4.2).

    The first block of every stage but the first halves the picture; its way around is a 1x1 convolution.
    """
    from keras import layers

    def convolve(x: Any, width: int, name: str, size: int = 3, strides: int = 1) -> Any:
        x = layers.Conv2D(width, size, strides, padding="same", use_bias=False, name=name)(x)
        return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)

    def relu(x: Any, name: str) -> Any:
        return layers.Activation("relu", name=f"{name}_relu")(x)

    inputs, x = scaled_input(input_size)
    x = relu(convolve(x, widths[0], "stem"), "stem")
    for stage, width in enumerate(widths, start=1):
        for block in range(1, depth + 1):
            name = f"stage{stage}_block{block}"
            strides = 2 if block == 1 < stage else 1
            around = convolve(x, width, f"{name}_around", 1, strides) if x.shape[-1] != width or strides > 1 else x
            x = relu(convolve(x, width, f"{name}_conv1", strides=strides), f"{name}_1")
            x = convolve(x, width, f"{name}_conv2")
            x = relu(layers.Add(name=f"{name}_add")([x, around]), f"{name}_2")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return classify(inputs, x, classes, "residual")
