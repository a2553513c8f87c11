"""The rows of numbers that one pass of a network gives for a picture, where it gives more than its probabilities.

A card's `outputs` name them in the order of its files' outputs, the probabilities first. A Keras network has its
features inside, whatever its outputs are; a .tflite file gives only what is an output of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PROBABILITIES = "probabilities"  # of the classes, or what a card's `output` says of that row
KNOWN_ROW = "known"  # one number, 0 to 1: how sure it is that the picture shows one of the classes at all
IMAGENET = "imagenet"  # probabilities of ImageNet's thousand classes
FEATURES = "features"  # what the layer of the logits is given
WIDTHS = {KNOWN_ROW: 1, IMAGENET: 1000}  # of those that are the same for every network
ONE_NUMBER = ("one probability", "one logit")  # of OUTPUTS: two classes in one number


def is_ours(outputs: Sequence[str]) -> bool:
    """Whether names are such rows, each once, with the probabilities first; none at all is one row of probabilities."""
    known = {PROBABILITIES, FEATURES, *WIDTHS}
    return not outputs or (outputs[0] == PROBABILITIES and len(set(outputs) & known) == len(outputs))


def given_by_keras(outputs: Sequence[str]) -> tuple[str, ...]:
    """The rows that are outputs of a Keras network."""
    return tuple(name for name in outputs if name != FEATURES) or (PROBABILITIES,)


def split_rows(joined: np.ndarray, outputs: Sequence[str], classes: int, output: str) -> dict[str, np.ndarray]:
    """The rows of a pass by name, float (n, width) each, from all of them side by side.

    classes: how many probabilities there are; output: what the card says of their row. Raises ValueError where the
    widths do not add up.
    """
    names = tuple(outputs) or (PROBABILITIES,)
    if names == (PROBABILITIES,):  # whoever loads it compares the width, and says what is wrong
        return {PROBABILITIES: joined}
    widths = {**WIDTHS, PROBABILITIES: 1 if output in ONE_NUMBER else classes}
    features = joined.shape[1] - sum(widths[name] for name in names if name != FEATURES)
    if features < 1 if FEATURES in names else features != 0:
        raise ValueError(f"{joined.shape[1]} numbers a picture are not the rows {', '.join(names)}")
    ends = np.cumsum([widths.get(name, features) for name in names])[:-1]
    return dict(zip(names, np.split(joined, ends, axis=1), strict=True))
