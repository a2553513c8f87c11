"""The shape of the images that a network takes: mostly RGB squares, but grey and oblong ones as well."""

from __future__ import annotations

import re
from typing import NamedTuple

from model.common.errors import VitrineError
from model.i18n.translations import gettext as _


class InputShape(NamedTuple):
    """The shape of an image's array: height and width in pixels, and 3 channels for RGB or 1 for grey."""

    height: int
    width: int
    channels: int = 3

    def __str__(self) -> str:
        return f"{self.height} x {self.width}"

    @property
    def longest(self) -> int:
        """The longer side."""
        return max(self.height, self.width)

    @property
    def key(self) -> int | str:
        """A short value for the names of cached files: for RGB squares the side alone."""
        return self.height if self == InputShape(self.height, self.height) else "x".join(map(str, self))

    @property
    def pixels(self) -> str:
        """A description: `32 x 32 pixels`, or `24 x 48 pixels (height x width), grey`."""
        words = (
            _("{height} x {width} pixels")
            if self.height == self.width
            else _("{height} x {width} pixels (height x width)")
        )
        said = words.format(height=self.height, width=self.width)
        return said if self.channels == 3 else _("{pixels}, grey").format(pixels=said)


PictureSize = int | InputShape  # the side of RGB squares, or any shape


def to_input_shape(size: PictureSize) -> InputShape:
    """Return the shape for a size, which may be the side of RGB squares."""
    return size if isinstance(size, InputShape) else InputShape(size, size)


class SizeError(VitrineError, ValueError):
    """A text is not a size in pixels; the message says how to write one."""


def parse_sides(text: str) -> tuple[int, int]:
    """Return height and width, given `64` or `24x48`; zeros for an empty text and for `0`.

    Raises:
        SizeError: The text is something else.
    """
    if not text.strip():
        return 0, 0
    found = re.fullmatch(r"([0-9]{1,5})(?: ?[x×] ?([0-9]{1,5}))?", text.strip(), re.IGNORECASE | re.ASCII)
    if not found:
        raise SizeError(
            _("{text} is not a size in pixels; write 64, or 24x48 for height x width").format(text=repr(text[:40]))
        )
    height, width = found[1], found[2] or found[1]
    return int(height), int(width)
