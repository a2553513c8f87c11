"""Which convention for a pixel a network was made for, told by numbers that its file holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.i18n.translations import gettext as _
from model.signature.scaling import GUESSED, PIXEL_MEAN, PIXEL_STD, READ, SCALINGS, Scaling

WIDEST = 25.0  # from black to white in numbers of mean 0 and deviation 1, by data of little contrast
ALIKE = {"standard", "imagenet"}  # conventions so close that a network answers nearly the same


@dataclass(frozen=True)
class Finding:
    """What a network wants for a pixel: a name of SCALINGS, how that is known (READ, TRIED, …), and by what."""

    scaling: str
    source: str
    why: str


@dataclass(frozen=True)
class Affine:
    """What a network does to each pixel before its first weights: matrix @ channels + offset.

    matrix: (channels out, channels in); offset: (channels out,).
    """

    matrix: np.ndarray
    offset: np.ndarray

    def ends(self, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
        """What black and white become, (channels out,) each, when pictures come in a convention."""
        factor, offset = channels_of(scaling, self.matrix.shape[1])
        return self.matrix @ offset + self.offset, self.matrix @ (255 * factor + offset) + self.offset

    def moments(self, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of natural photographs, (channels out,) each, when they come in a convention."""
        factor, offset = channels_of(scaling, self.matrix.shape[1])
        mean, std = (np.array(values)[list(scaling.order)] for values in (PIXEL_MEAN, PIXEL_STD))
        if self.matrix.shape[1] == 1:
            mean, std = mean.mean(keepdims=True), std.mean(keepdims=True)
        return self.matrix @ (factor * mean + offset) + self.offset, np.abs(self.matrix @ (factor * std))


def channels_of(scaling: Scaling, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Factor and offset of a convention for as many channels as a network takes: three, or one of grey."""
    factor, offset = scaling.of(count)
    return np.array(factor), np.array(offset)


def guess() -> Finding:
    """What is most usual."""
    return Finding("unit", GUESSED, _("nothing in the file says what it was trained with"))


def by_arithmetic(affine: Affine) -> Finding | None:
    """The convention that a network's own arithmetic turns into numbers as networks are given, or None.

    A network that divides by 255 wants 0 to 255; one that takes off 0.48 and divides by 0.22 wants 0 to 1.
    """
    for fits in (is_known, is_usual):
        for name, scaling in SCALINGS.items():
            black, white = affine.ends(scaling)
            # What leaves a convention's numbers nearly as they are does not speak for it.
            if fits(black, white) and has_usual_zero(black, white) and not is_like(scaling, black, white):
                return Finding(name, READ, arithmetic_said(scaling, black, white))
    return None


def arithmetic_said(scaling: Scaling, black: np.ndarray, white: np.ndarray) -> str:
    lowest, highest = scaling.ends
    low, high = sorted((float(black.mean()), float(white.mean())))
    return _("its own arithmetic turns {lowest:.3g} to {highest:.3g} into {low:.3g} to {high:.3g}").format(
        lowest=lowest, highest=highest, low=low, high=high
    )


def is_known(black: np.ndarray, white: np.ndarray) -> bool:
    """Whether black and white, (channels,) each, are those of a convention that has a name, in either order."""
    return any(is_like(scaling, black, white) for scaling in SCALINGS.values())


def is_like(scaling: Scaling, black: np.ndarray, white: np.ndarray) -> bool:
    factor, offset = channels_of(scaling, len(black))
    ends = np.stack([offset, 255 * factor + offset])
    room = 0.04 * float(np.abs(white - black).mean())
    given = np.stack([black, white])
    return any(bool(np.abs(given - each).max() < room) for each in (ends, ends[:, ::-1]))


def is_usual(black: np.ndarray, white: np.ndarray) -> bool:
    """Whether black and white are as far apart as 0 and 1, as in standardised data, or as 0 and 255."""
    width = abs(float((white - black).mean()))
    return 0.4 <= width <= WIDEST or 60 <= width <= 300


def has_usual_zero(black: np.ndarray, white: np.ndarray) -> bool:
    """Whether 0 stands for black, or for something grey: no network is given nearly black as 0."""
    low, high = sorted((float(black.mean()), float(white.mean())))
    zero = -255 * low / max(high - low, 1e-9)  # the pixel that becomes 0
    return abs(zero) <= 0.25 or 10 <= zero <= 245


def by_moments(affine: Affine, mean: np.ndarray, std: np.ndarray) -> Finding | None:
    """The convention in which photographs have a mean and a deviation that a network remembers, or None if unclear.

    mean, std: (channels,), of what the network's own arithmetic gave while it was trained.
    """
    distances = sorted((moments_apart(*affine.moments(scaling), mean, std), name) for name, scaling in SCALINGS.items())
    (best, name), *others = distances
    rivals = [distance for distance, other in others if not {name, other} <= ALIKE]
    if not best < 0.9 or not best + 0.3 < rivals[0]:
        return None
    why = _("its normalisation remembers numbers of mean {mean:.3g} and deviation {std:.3g}")
    return Finding(name, READ, why.format(mean=float(mean.mean()), std=float(std.mean())))


def moments_apart(mean: np.ndarray, std: np.ndarray, other_mean: np.ndarray, other_std: np.ndarray) -> float:
    """How far two normal distributions are apart, on average over channels; 0 for the same."""
    std, other_std = np.maximum(std, 1e-9), np.maximum(other_std, 1e-9)
    shift = np.abs(mean - other_mean) / np.maximum(std, other_std)
    return float(np.mean(np.abs(np.log(std / other_std)) + shift / 2))


def by_range(low: float, high: float, said: str, room: float) -> Finding:
    """The convention whose numbers, from black to white, are nearest to a range; a guess where none is near.

    A range that was read from data lacks a little at its ends. said: what says so; room: how far away, in widths, is
    still near.
    """
    distances = sorted((range_apart((low, high), scaling.ends), name) for name, scaling in SCALINGS.items())
    best, name = distances[0]
    return Finding(name, READ if best <= room else GUESSED, said)


def range_apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """How far the ends of two ranges are apart, in widths of the wider one."""
    width = max(one[1] - one[0], other[1] - other[0], 1e-9)
    return (abs(one[0] - other[0]) + abs(one[1] - other[1])) / width
