"""Near-duplicates: pictures that show the same, by their features and a hash of their look."""

from __future__ import annotations

import numpy as np

from training.teach.head import Space

# On 354 photographs no two different ones are closer than 0.88, or than 57 of 256 bits. Copies of them, compressed
# again, made smaller or brighter, have up to 35 other bits; nine in ten mirrored ones, and half of those that were
# cropped by a tenth, are closer than 0.92.
_SAME_FEATURES = 0.92  # cosine of the features less their mean
# Cosine and differing bits that are enough together; fine noise moves the features of a copy that is made smaller.
_ALIKE = ((0.6, 40), (0.2, 16))
_LEAST_COSINE, _MOST_BITS = min(cosine for cosine, _bits in _ALIKE), max(bits for _cosine, bits in _ALIKE)
_BLOCK = 512  # pictures that are compared with all others at a time
_LEADING = 128  # components that most pairs are told apart by
_FEW_PAIRS = 20_000  # of a block that are compared one by one; from more on, the block as a whole is quicker


def find_groups(space: Space, likeness: np.ndarray) -> np.ndarray:
    """Give each picture the number of its group of near-duplicates; most are alone in theirs.

    Args:
        space: The pictures' features, n of them.
        likeness: uint8 (n, 32), as `training.projects.pictures` measures it.

    Returns:
        int64 (n,), the index of the first picture of the group.
    """
    # Less their mean, two would always be opposite.
    rows = space.rows if len(space.rows) > 2 else space.rows @ space.basis.T * np.float32(space.scale) + space.center
    rows, leaders = unit_rows(rows), np.arange(len(rows))
    leading = _with_bound(rows)
    signs = np.unpackbits(likeness, axis=1).astype(np.float32) * 2 - 1
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        # What comes before has been compared with these already.
        differing = (signs.shape[1] - signs[block] @ signs[start:].T) / 2
        bound = leading[block] @ leading[start:].T
        first, second = np.nonzero((bound > _SAME_FEATURES) | ((differing <= _MOST_BITS) & (bound > _LEAST_COSINE)))
        first, second = first[first < second], second[first < second]
        if len(first) < _FEW_PAIRS:
            cosines = np.einsum("nk,nk->n", rows[start + first], rows[start + second])
        else:
            cosines = (rows[block] @ rows[start:].T)[first, second]
        same = cosines > _SAME_FEATURES
        for cosine, bits in _ALIKE:
            same |= (cosines > cosine) & (differing[first, second] <= bits)
        _join(leaders, start + first[same], start + second[same])
    return leaders


def _with_bound(rows: np.ndarray) -> np.ndarray:
    """Shorten unit rows (n, components): the products of the shorter ones are no smaller than those of the rows.

    The last components are the largest. The rest of two rows multiplies to no more than their lengths do.
    """
    leading = rows[:, -_LEADING:]
    rest = np.sqrt(np.maximum(0, 1 + 1e-5 - np.square(leading).sum(axis=1, keepdims=True)))
    return np.hstack([leading, rest])


def _join(leaders: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """Make the groups of each pair of pictures, int (m,), one; `leaders` is changed."""
    first, second = leaders[first], leaders[second]
    while (leaders[first] != leaders[second]).any():
        lowest = np.minimum(leaders[first], leaders[second])
        np.minimum.at(leaders, first, lowest)
        np.minimum.at(leaders, second, lowest)
        leaders[:] = leaders[leaders]
    while (leaders != leaders[leaders]).any():
        leaders[:] = leaders[leaders]


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return float rows (n, k) at length 1; rows of zeros stay so."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
