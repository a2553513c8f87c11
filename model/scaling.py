"""From uint8 pictures to the numbers that networks compute with; part of every saved network."""

from __future__ import annotations

from typing import Any

# Mean and standard deviation of CIFAR-10's training pixels on the 0..255 scale; close enough to any
# natural photographs, so that one constant serves every data set.
PIXEL_MEAN = (125.3, 123.0, 113.9)
PIXEL_STD = (63.0, 62.1, 66.7)


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
