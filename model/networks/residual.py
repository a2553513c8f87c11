"""A small residual network for images the size of CIFAR's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.networks.plain_cnns import add_classifier_head
from model.signature.scaling import scaled_input

if TYPE_CHECKING:
    import keras


def residual(
    classes: int,
    input_size: int | None = 32,
    widths: tuple[int, ...] = (16, 32, 64),
    depth: int = 3,
) -> keras.Model:
    """Build stages of residual blocks (K. He et al., arXiv 1512.03385, section 4.2).

    The first block of every stage but the first halves the image; its shortcut is a 1x1 convolution.

    Args:
        classes: The number of classes.
        input_size: Height and width of the images, in pixels.
        widths: The filters of each stage.
        depth: Blocks in a stage, of two 3x3 convolutions each.
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
            shortcut = convolve(x, width, f"{name}_around", 1, strides) if x.shape[-1] != width or strides > 1 else x
            x = relu(convolve(x, width, f"{name}_conv1", strides=strides), f"{name}_1")
            x = convolve(x, width, f"{name}_conv2")
            x = relu(layers.Add(name=f"{name}_add")([x, shortcut]), f"{name}_2")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return add_classifier_head(inputs, x, classes, "residual")
