"""The outputs of one forward pass, for networks that return more than their probabilities.

A card's `outputs` name them in the order of its files' outputs, the probabilities first. The features are inside every
Keras network; a .tflite file returns them only if they are one of its outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PROBABILITIES = "probabilities"  # or what the card's `output` says
KNOWN_ROW = "known"  # how likely it is that the image shows one of the classes at all, 0 to 1
IMAGENET = "imagenet"  # probabilities of ImageNet's thousand classes
FEATURES = "features"  # the input of the layer with the logits
_WIDTHS = {KNOWN_ROW: 1, IMAGENET: 1000}  # of outputs with a fixed width
_SINGLE_NUMBER = ("one probability", "one logit")  # names of OUTPUTS: two classes in one number


def are_valid_outputs(outputs: Sequence[str]) -> bool:
    """Return whether these are known outputs, each once, the probabilities first; none means probabilities only."""
    known = {PROBABILITIES, FEATURES, *_WIDTHS}
    return not outputs or (outputs[0] == PROBABILITIES and len(set(outputs) & known) == len(outputs))


def keras_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
    """Return those that are outputs of a Keras network."""
    return tuple(name for name in outputs if name != FEATURES) or (PROBABILITIES,)


def split_rows(joined: np.ndarray, outputs: Sequence[str], classes: int, output: str) -> dict[str, np.ndarray]:
    """Split the joined outputs of a forward pass by name, float (n, width) each.

    Args:
        joined: All outputs side by side, float (n, numbers).
        outputs: Their names.
        classes: The number of classes.
        output: What the card says about the row of probabilities, a name of OUTPUTS.

    Raises:
        ValueError: The widths do not add up.
    """
    names = tuple(outputs) or (PROBABILITIES,)
    if names == (PROBABILITIES,):  # the loader checks the width and says what is wrong
        return {PROBABILITIES: joined}
    widths = {**_WIDTHS, PROBABILITIES: 1 if output in _SINGLE_NUMBER else classes}
    features = joined.shape[1] - sum(widths[name] for name in names if name != FEATURES)
    if features < 1 if FEATURES in names else features != 0:
        raise ValueError(f"{joined.shape[1]} numbers for a picture are not the outputs {', '.join(names)}")
    ends = np.cumsum([widths.get(name, features) for name in names])[:-1]
    return dict(zip(names, np.split(joined, ends, axis=1), strict=True))
