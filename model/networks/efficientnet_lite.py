"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation and with ReLU6, so that int8 costs no accuracy.

Layers and figures are those of Google's EfficientNet-Lite and of EfficientNet (M. Tan and Q. V. Le, arXiv 1905.11946).
Batch normalization is folded into kernels and biases: the results are the same, and a training step takes 0.6 of the
time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from model.formats.torch_checkpoint import CheckpointError
from model.i18n.translations import gettext as _
from model.signature.scaling import image_input

if TYPE_CHECKING:
    import keras

_STEM_FILTERS, _HEAD_FILTERS = 32, 1280  # filters; the same in all variants
_EPSILON = 1e-3  # of the batch normalization that is folded in


@dataclass(frozen=True)
class Variant:
    """A member of the family.

    Attributes:
        width: Multiplies the filters.
        depth: Multiplies the blocks.
        input_size: Height and width of the images, in pixels.
        dropout: The dropout before the logits.
    """

    width: float
    depth: float
    input_size: int
    dropout: float


VARIANTS: dict[str, Variant] = {
    "efficientnet-lite0": Variant(1.0, 1.0, 224, 0.2),
    "efficientnet-lite1": Variant(1.0, 1.1, 240, 0.2),
    "efficientnet-lite2": Variant(1.1, 1.2, 260, 0.3),
}


@dataclass(frozen=True)
class _Stage:
    """Blocks of one shape; only the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def efficientnet_lite(classes: int, input_size: int | None = None, variant: str = "efficientnet-lite0") -> keras.Model:
    """Build an untrained network; its layer `features` has 1,280 units, its layer `logits` one for each class.

    Args:
        classes: The number of classes.
        input_size: Height and width of the images, in pixels; None for the variant's own.
        variant: A name of VARIANTS.

    Returns:
        A network from uint8 RGB (n, input_size, input_size, 3) to probabilities, float32 (n, classes).
    """
    import keras
    from keras import layers

    chosen = VARIANTS[variant]
    inputs = image_input(input_size or chosen.input_size)
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocess")(inputs)
    x = _convolution(x, _STEM_FILTERS, 3, 2, "stem")
    number, before = 0, _STEM_FILTERS
    for stage in _STAGES:
        filters = _round_filters(stage.filters * chosen.width)
        # The first and the last stage have the same number of blocks in every variant.
        blocks = stage.blocks if stage in (_STAGES[0], _STAGES[-1]) else math.ceil(stage.blocks * chosen.depth)
        for index in range(blocks):
            x = _inverted_bottleneck(x, before, filters, stage, stage.stride if index == 0 else 1, f"block{number}")
            number, before = number + 1, filters
    x = _convolution(x, _HEAD_FILTERS, 1, 1, "head")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    x = layers.Dropout(chosen.dropout, name="dropout")(x)
    x = layers.Dense(classes, name="logits")(x)
    outputs = layers.Activation("softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name=variant.replace("-", "_"))


def _inverted_bottleneck(x: Any, before: int, filters: int, stage: _Stage, stride: int, name: str) -> Any:
    """Apply an inverted bottleneck: 1x1 expansion, depthwise convolution, linear 1x1 projection."""
    from keras import layers

    shortcut = x
    if stage.expansion != 1:
        x = _convolution(x, before * stage.expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(stage.kernel, stride, padding="same", name=f"{name}_depth")(x)
    x = layers.ReLU(6.0, name=f"{name}_depth_relu6")(x)
    x = layers.Conv2D(filters, 1, padding="same", name=f"{name}_project")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut]) if stride == 1 and before == filters else x


def _convolution(x: Any, filters: int, kernel: int, stride: int, name: str) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, kernel, stride, padding="same", name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu6")(x)


def _round_filters(filters: float) -> int:
    """Round to the nearest multiple of 8 that is at most a tenth smaller."""
    near = max(8, int(filters + 4) // 8 * 8)
    return near + 8 if near < 0.9 * filters else near


def load_arrays(network: keras.Model, arrays: Mapping[str, np.ndarray]) -> None:
    """Set a network's weights from the arrays of a PyTorch checkpoint of the same variant.

    Raises:
        CheckpointError: An array has no layer, a layer has no array, or their shapes differ.
    """
    left = {name for name in arrays if not name.endswith("num_batches_tracked")}
    for layer in network.layers:
        if not layer.weights:
            continue
        try:
            layer.set_weights(weights_of(layer, arrays))
        except (KeyError, ValueError) as error:
            raise CheckpointError(_("it does not fit the layer {layer}").format(layer=layer.name)) from error
        left -= set(array_names(layer))
    if left:
        raise CheckpointError(_("it has an array that belongs to no layer, {name}").format(name=min(left)))


def array_names(layer: keras.Layer) -> list[str]:
    """Return the names of a layer's arrays in a checkpoint: the kernel, then the bias or the batch normalization."""
    kernel, norm = _torch_names(layer.name)
    if not norm:
        return [f"{kernel}.weight", f"{kernel}.bias"]
    return [f"{kernel}.weight", *(f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))]


def weights_of(layer: keras.Layer, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return a layer's kernel and bias, with the batch normalization that follows it in PyTorch folded in."""
    kernel, *others = (arrays[name] for name in array_names(layer))
    if len(others) == 1:
        return [_to_keras_order(kernel, layer), others[0]]
    gain, offset, mean, variance = others
    scale = gain / np.sqrt(variance + _EPSILON)
    return [_to_keras_order(kernel * scale.reshape(-1, 1, 1, 1), layer), offset - mean * scale]


def _to_keras_order(array: np.ndarray, layer: keras.Layer) -> np.ndarray:
    """Transpose a kernel from PyTorch's order of axes, filters first, to that of Keras."""
    order = {"Conv2D": (2, 3, 1, 0), "DepthwiseConv2D": (2, 3, 0, 1), "Dense": (1, 0)}.get(type(layer).__name__)
    return array.transpose(order) if order and array.ndim == len(order) else array


def _torch_names(layer: str) -> tuple[str, str]:
    """Return the PyTorch names of a layer and of the batch normalization after it; empty if there is none.

    For example, `block3_expand` is `_blocks.3._expand_conv` and `_blocks.3._bn0`.
    """
    outside = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1"), "logits": ("_fc", "")}
    if layer in outside:
        return outside[layer]
    inside = {
        "expand": ("_expand_conv", "_bn0"),
        "depth": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }
    number, _separator, part = layer.removeprefix("block").partition("_")
    kernel, norm = inside[part]
    return f"_blocks.{number}.{kernel}", f"_blocks.{number}.{norm}"
