"""Which of ImageNet's thousand classes are kinds of CIFAR-10's ten, by their index in `model.signature.imagenet`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Class -> the indices of its kinds, as ranges that include both ends or as single numbers. The only deer in ImageNet
# are antelopes, the only horses the sorrel and the one that draws a cart.
KINDS: dict[str, tuple[tuple[int, int] | int, ...]] = {
    "airplane": (404, 895, 908),
    "automobile": (407, 436, 468, 511, 581, 609, 627, 656, 661, 751, 817),
    "bird": ((7, 24), (80, 100), (127, 146)),
    "cat": ((281, 285),),
    "deer": ((351, 353),),
    "dog": ((151, 268),),
    "frog": ((30, 32),),
    "horse": (339, 603),
    "ship": (403, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 871, 913, 914),
    "truck": (555, 569, 675, 717, 803, 864, 867),
}


def kinds_of(name: str) -> list[int]:
    """Return the indices of a class's kinds in ImageNet, in order; none for a class that is not in KINDS."""
    spans = [entry if isinstance(entry, tuple) else (entry, entry) for entry in KINDS.get(name, ())]
    return [number for first, last in spans for number in range(first, last + 1)]


def kinds_matrix(classes: Sequence[str], count: int = 1000) -> np.ndarray:
    """Return float32 (count, classes): 1 where an ImageNet class is a kind of a class, 0 elsewhere."""
    matrix = np.zeros((count, len(classes)), np.float32)
    for column, name in enumerate(classes):
        matrix[kinds_of(name), column] = 1
    return matrix
