"""The shape of the pictures that a network takes: in most cases colour squares, but grey and oblong ones as well."""

from __future__ import annotations

import re
from typing import NamedTuple

from model.common.errors import VitrineError
from model.i18n.translations import gettext as _


class InputShape(NamedTuple):
    """Pixels, and 3 numbers a pixel for RGB or 1 for grey: equal to the shape of one picture's array."""

    height: int
    width: int
    channels: int = 3

    def __str__(self) -> str:
        return f"{self.height} x {self.width}"

    @property
    def longest(self) -> int:
        return max(self.height, self.width)

    @property
    def key(self) -> int | str:
        """Tells one shape from another among files that are kept: for RGB squares the side alone."""
        return self.height if self == InputShape(self.height, self.height) else "x".join(map(str, self))

    @property
    def pixels(self) -> str:
        """In words: `32 x 32 pixels`, or `24 x 48 pixels (height x width), grey`."""
        words = (
            _("{height} x {width} pixels")
            if self.height == self.width
            else _("{height} x {width} pixels (height x width)")
        )
        said = words.format(height=self.height, width=self.width)
        return said if self.channels == 3 else _("{pixels}, grey").format(pixels=said)


PictureSize = int | InputShape  # the side of RGB squares, or any shape


def shape_of(size: PictureSize) -> InputShape:
    return size if isinstance(size, InputShape) else InputShape(size, size)


class SizeError(VitrineError, ValueError):
    """A text that is no size of pictures; the message says how one is written."""


def sides_of(text: str) -> tuple[int, int]:
    """Height and width from `64` or `24x48`; zeros for no text and for `0`. Raises SizeError."""
    if not text.strip():
        return 0, 0
    found = re.fullmatch(r"([0-9]{1,5})(?: ?[x×] ?([0-9]{1,5}))?", text.strip(), re.IGNORECASE | re.ASCII)
    if not found:
        raise SizeError(
            _("{text} is no size of pictures; one is written 64, or 24x48 for height x width").format(
                text=repr(text[:40])
            )
        )
    height, width = found[1], found[2] or found[1]
    return int(height), int(width)
