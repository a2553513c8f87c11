"""Infer the pixel scaling that a network was trained with from numbers in its file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.i18n.translations import gettext as _
from model.signature.scaling import GUESSED, PIXEL_MEAN, PIXEL_STD, READ, SCALINGS, Scaling

_MAX_WIDTH = 25.0  # from black to white in standardized data of low contrast
SIMILAR = {"standard", "imagenet"}  # scalings so similar that a network answers nearly the same


@dataclass(frozen=True)
class Finding:
    """A scaling (a name of SCALINGS), how it is known (READ, TRIED, …), and the evidence."""

    scaling: str
    source: str
    why: str


@dataclass(frozen=True)
class Affine:
    """What a network does to each pixel before its first weights: matrix @ channels + offset.

    Attributes:
        matrix: (channels out, channels in).
        offset: (channels out,).
    """

    matrix: np.ndarray
    offset: np.ndarray

    def ends(self, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
        """Return what black and white become in a scaling, (channels out,) each."""
        factor, offset = _factor_and_offset(scaling, self.matrix.shape[1])
        return self.matrix @ offset + self.offset, self.matrix @ (255 * factor + offset) + self.offset

    def moments(self, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of natural photographs in a scaling, (channels out,) each."""
        factor, offset = _factor_and_offset(scaling, self.matrix.shape[1])
        mean, std = (np.array(values)[list(scaling.order)] for values in (PIXEL_MEAN, PIXEL_STD))
        if self.matrix.shape[1] == 1:
            mean, std = mean.mean(keepdims=True), std.mean(keepdims=True)
        return self.matrix @ (factor * mean + offset) + self.offset, np.abs(self.matrix @ (factor * std))


def _factor_and_offset(scaling: Scaling, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return factor and offset of a scaling for three channels, or one of grey."""
    factor, offset = scaling.for_channels(count)
    return np.array(factor), np.array(offset)


def default_guess() -> Finding:
    """Return the most common scaling, as a guess."""
    return Finding("unit", GUESSED, _("nothing in the file says what it was trained with"))


def scaling_from_arithmetic(affine: Affine) -> Finding | None:
    """Return the scaling that a network's own arithmetic expects, or None.

    A network that divides by 255 expects 0 to 255; one that subtracts 0.48 and divides by 0.22 expects 0 to 1.
    """
    for fits in (_is_known, _is_usual):
        for name, scaling in SCALINGS.items():
            black, white = affine.ends(scaling)
            # What leaves a convention's numbers nearly as they are does not speak for it.
            if fits(black, white) and _has_usual_zero(black, white) and not _is_like(scaling, black, white):
                return Finding(name, READ, _describe_arithmetic(scaling, black, white))
    return None


def _describe_arithmetic(scaling: Scaling, black: np.ndarray, white: np.ndarray) -> str:
    lowest, highest = scaling.value_range
    low, high = sorted((float(black.mean()), float(white.mean())))
    return _("its own arithmetic turns {lowest:.3g} to {highest:.3g} into {low:.3g} to {high:.3g}").format(
        lowest=lowest, highest=highest, low=low, high=high
    )


def _is_known(black: np.ndarray, white: np.ndarray) -> bool:
    """Return whether black and white, (channels,) each, are those of a named scaling, in either channel order."""
    return any(_is_like(scaling, black, white) for scaling in SCALINGS.values())


def _is_like(scaling: Scaling, black: np.ndarray, white: np.ndarray) -> bool:
    factor, offset = _factor_and_offset(scaling, len(black))
    ends = np.stack([offset, 255 * factor + offset])
    room = 0.04 * float(np.abs(white - black).mean())
    given = np.stack([black, white])
    return any(bool(np.abs(given - each).max() < room) for each in (ends, ends[:, ::-1]))


def _is_usual(black: np.ndarray, white: np.ndarray) -> bool:
    """Return whether black and white are as far apart as 0 and 1, as in standardized data, or as 0 and 255."""
    width = abs(float((white - black).mean()))
    return 0.4 <= width <= _MAX_WIDTH or 60 <= width <= 300


def _has_usual_zero(black: np.ndarray, white: np.ndarray) -> bool:
    """Return whether 0 is black or a medium grey: no network gets nearly black as 0."""
    low, high = sorted((float(black.mean()), float(white.mean())))
    zero = -255 * low / max(high - low, 1e-9)  # the pixel that becomes 0
    return abs(zero) <= 0.25 or 10 <= zero <= 245


def scaling_from_moments(affine: Affine, mean: np.ndarray, std: np.ndarray) -> Finding | None:
    """Return the scaling in which photographs have a network's stored mean and standard deviation; None if unclear.

    Args:
        affine: The network's own arithmetic.
        mean: Of its outputs in training, (channels,).
        std: Of its outputs in training, (channels,).
    """
    distances = sorted(
        (_moments_distance(*affine.moments(scaling), mean, std), name) for name, scaling in SCALINGS.items()
    )
    (best, name), *others = distances
    rivals = [distance for distance, other in others if not {name, other} <= SIMILAR]
    if not best < 0.9 or not best + 0.3 < rivals[0]:
        return None
    why = _("its normalisation remembers numbers of mean {mean:.3g} and deviation {std:.3g}")
    return Finding(name, READ, why.format(mean=float(mean.mean()), std=float(std.mean())))


def _moments_distance(mean: np.ndarray, std: np.ndarray, other_mean: np.ndarray, other_std: np.ndarray) -> float:
    """Return the distance between two normal distributions, averaged over channels; 0 if equal."""
    std, other_std = np.maximum(std, 1e-9), np.maximum(other_std, 1e-9)
    shift = np.abs(mean - other_mean) / np.maximum(std, other_std)
    return float(np.mean(np.abs(np.log(std / other_std)) + shift / 2))


def scaling_from_range(low: float, high: float, why: str, room: float) -> Finding:
    """Return the scaling whose range from black to white is closest; a guess if none is close.

    Args:
        low: The lower end; a range measured on data is a little too narrow.
        high: The upper end.
        why: The evidence.
        room: The largest distance, in widths, that counts as close.
    """
    distances = sorted((range_distance((low, high), scaling.value_range), name) for name, scaling in SCALINGS.items())
    best, name = distances[0]
    return Finding(name, READ if best <= room else GUESSED, why)


def range_distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance between the ends of two ranges, in widths of the wider one."""
    width = max(one[1] - one[0], other[1] - other[0], 1e-9)
    return (abs(one[0] - other[0]) + abs(one[1] - other[1])) / width
