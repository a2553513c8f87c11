"""Score pictures of other things than a network's classes: how known each of them seems to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice

import numpy as np

from model.common.cores import cores
from model.images.decoder import InvalidImage, read_image, to_array
from model.inference.classifier import Classifier
from model.inference.parallel import map_in_order

_BATCH = 32  # pictures at a time


def score_strangers(
    classifier: Classifier,
    pictures: Sequence[Callable[[], bytes]],
    by_known: bool,
    on_progress: Callable[[int], None],
) -> np.ndarray:
    """Return how known each picture seems, float (n,); NaN for a file that cannot be read.

    Args:
        classifier: The classifier.
        pictures: Functions that return the bytes of a picture file.
        by_known: Whether the known score counts, for a network that has one; else the largest probability does.
        on_progress: Called with the number of pictures done.
    """
    scores = np.full(len(pictures), np.nan)
    with closing(map_in_order(lambda read: _read(read, classifier), pictures, cores(), ahead=_BATCH)) as images:
        for start in range(0, len(pictures), _BATCH):
            batch = enumerate(islice(images, _BATCH), start)
            found = {place: image for place, image in batch if image is not None}
            if found:
                probabilities, known = classifier.answers(np.stack(list(found.values())))
                scores[list(found)] = known if by_known and known is not None else probabilities.max(axis=1)
            on_progress(min(start + _BATCH, len(pictures)))
    return scores


def _read(read: Callable[[], bytes], classifier: Classifier) -> np.ndarray | None:
    """Return a picture as the network takes it, or None if it cannot be read."""
    shape = classifier.card.input_shape
    try:
        return to_array(read_image(read(), min_side=shape.longest), shape)
    except (OSError, InvalidImage):
        return None
