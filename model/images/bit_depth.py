"""Convert pictures with more than 8 bits per value to 8 bits, by the depth their values need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

from model.i18n.number_format import decimal
from model.i18n.translations import gettext as _

TILE_PIXELS = 2**18  # processed at once; floats take more memory than the picture itself
_DEPTHS = (8, 10, 12, 14)  # bits per value that cameras and scanners deliver; files store 8, 16 or 32
_FULL_DEPTH = 16
_WHITE_IS_ZERO = 0  # TIFF's photometric interpretation if 0 is white
# Pillow keeps only the high byte of each 16-bit colour value. Reading with the opposite byte order gives the low byte.
_BYTE_ORDERS = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
_GREY_ALPHA = "LA;16B"  # read as RGBA: two bytes of grey, two bytes of alpha
SWAPPED_MODES = {
    f"{mode};{one}": f"{mode};{two}" for mode in ("RGB", "RGBA", "RGBX") for one, two in _BYTE_ORDERS.items()
}
SWAPPED_MODES[_GREY_ALPHA] = "RGBA"
_DARK_LIMIT = 2**6  # high bytes below this mean 14 bits or fewer


def is_deep(image: Image.Image) -> bool:
    """Return whether a picture is greyscale with 16 or 32 bits per value."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def to_eight_bit(image: Image.Image) -> tuple[Image.Image, str]:
    """Convert a 16- or 32-bit greyscale picture to 8 bits; NaN and infinities become black.

    Returns:
        The picture in mode L, and a note for the user if its value range had to be guessed (else empty).
    """
    low, high, note = _value_range(image)
    if _is_inverted(image):
        low, high = high, low
    result = Image.new("L", image.size)
    for box in tiles(image.size):
        values = np.asarray(image.crop(box)).astype(np.float64)
        scaled = (values - low) * (255.0 / ((high - low) or 1e-12))
        scaled[~np.isfinite(values)] = 0
        result.paste(Image.fromarray(scaled.round().clip(0, 255).astype(np.uint8)), box)
    return result, note


def _is_inverted(image: Image.Image) -> bool:
    """Return whether 0 is white, as in X-ray pictures: Pillow inverts only 8-bit values."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or not image.mode.startswith("I;16"):
        return False
    return bool(image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO)


def _value_range(image: Image.Image) -> tuple[float, float, str]:
    """Find which values of a 16- or 32-bit greyscale picture are black and white.

    Integers from 0 to 65,535 are read with the smallest depth that holds them all, floats from 0 to 1 as such, anything
    else by its own minimum and maximum. NaN and infinities, with which some programs fill gaps, do not count.

    Returns:
        The values of black and white, and a note for the user if they are a guess (else empty).
    """
    parts = (np.asarray(image.crop(box)) for box in tiles(image.size))
    if image.mode == "F":
        parts = (part[np.isfinite(part)] for part in parts)
    ends = [(part.min(), part.max()) for part in parts if part.size]
    if not ends:
        return 0.0, 1.0, _("No value in this picture is a finite number: it was read as black.")
    low, high = float(np.min(ends)), float(np.max(ends))
    if image.mode == "F" and low >= 0 and high <= 1:
        return 0.0, 1.0, ""
    if image.mode != "F" and low >= 0 and high < 2**_FULL_DEPTH:
        bits = _bit_depth(high)
        return 0.0, 2.0**bits - 1, _brightening_note(bits, high, 32 if image.mode == "I" else _FULL_DEPTH)
    text = _("This picture's values go from {low} to {high}, which were read as black and white.")
    return low, high, text.format(low=decimal(low, 3), high=decimal(high, 3))


def _bit_depth(highest: float) -> int:
    """Return the smallest usual number of bits that holds the values; 16 for a picture that is black throughout."""
    return next((bits for bits in _DEPTHS if 0 < highest < 2**bits), _FULL_DEPTH)


def _brightening_note(bits: int, highest: float, width: int = _FULL_DEPTH) -> str:
    """Return the note for a picture that uses few of its `width` bits per value; empty for any other."""
    if bits == _FULL_DEPTH:
        return ""
    text = _("No value in this {width}-bit file is above {highest:.0f}: it was brightened as a picture of {bits} bits.")
    return text.format(width=width, highest=highest, bits=bits)


def tiles(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield boxes (left, top, right, bottom) of at most TILE_PIXELS that cover a picture of any proportions."""
    width, height = size
    across = min(width, TILE_PIXELS)
    down = TILE_PIXELS // across
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield left, top, min(left + across, width), min(top + down, height)


def raw_mode(image: ImageFile.ImageFile) -> str:
    """Return the raw mode in which Pillow will decode a picture that is not loaded yet."""
    args = image.tile[0].args if image.tile else ""
    return args if isinstance(args, str) else str(args[0]) if args else ""


def brighten(upper: Image.Image, lower: ImageFile.ImageFile, raw: str) -> str:
    """Scale a 16-bit colour picture, in place, to the bit depth that its values need.

    Args:
        upper: The picture as Pillow loads it: the high byte of each value.
        lower: The same picture, not loaded yet; it is used to read the low bytes.
        raw: The `raw_mode` of `lower`.

    Returns:
        A note for the user if the picture was brightened, else empty.
    """
    if raw not in SWAPPED_MODES or _max_value(upper) >= _DARK_LIMIT:
        return ""
    lower.tile = [tile._replace(args=_swap_raw_mode(tile.args)) for tile in lower.tile]
    lower.load()
    whole = (_combine_bytes(upper, lower, raw, box) for box in tiles(upper.size))
    highest = np.max([values.max(axis=(0, 1)) for values in whole], axis=0)
    bits = _bit_depth(highest[:3].max())
    if bits == _FULL_DEPTH:
        return ""
    whites = np.where(highest < 2**bits, 2**bits - 1, 2**_FULL_DEPTH - 1)  # alpha may have a range of its own
    for box in tiles(upper.size):
        values = _combine_bytes(upper, lower, raw, box) * (255.0 / whites)
        upper.paste(Image.fromarray(values.round().astype(np.uint8)), box)
    return _brightening_note(bits, highest[:3].max())


def _max_value(image: Image.Image) -> int:
    """Return the highest value in any colour channel of an RGB or RGBA picture."""
    return max(int(np.asarray(image.crop(box))[..., :3].max()) for box in tiles(image.size))


def _swap_raw_mode(args: tuple[Any, ...] | str | None) -> tuple[Any, ...] | str:
    """Return a decoder's arguments with the raw mode that yields the low bytes."""
    assert args
    return SWAPPED_MODES[args] if isinstance(args, str) else (SWAPPED_MODES[args[0]], *args[1:])


def _combine_bytes(upper: Image.Image, lower: Image.Image, raw: str, box: tuple[int, int, int, int]) -> np.ndarray:
    """Return the 16-bit values inside a box: uint16 (height, width, channels)."""
    high, low = (np.asarray(image.crop(box)).astype(np.uint16) for image in (upper, lower))
    return high << 8 | (low[..., [1, 1, 1, 3]] if raw == _GREY_ALPHA else low)
