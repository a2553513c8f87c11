"""Pictures of more than eight bits a value as eight: by what a file could hold, or by what it holds if that is less."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

from model.i18n.number_format import decimal
from model.i18n.translations import gettext as _

TILE_PIXELS = 2**18  # worked on at once where numbers need more memory than the picture does
DEPTHS = (8, 10, 12, 14)  # bits that cameras and scanners give; files have 8, 16 or 32
FULL = 16
INVERTED = 0  # TIFF's photometric interpretation where 0 is white
# Pillow keeps the upper byte of each value of a colour picture; read in the other order, it keeps the lower one.
ORDERS = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
GREY_ALPHA = "LA;16B"  # to be read as RGBA, four bytes: both of the grey value, both of the transparency
SWAPPED = {f"{mode};{one}": f"{mode};{two}" for mode in ("RGB", "RGBA", "RGBX") for one, two in ORDERS.items()}
SWAPPED[GREY_ALPHA] = "RGBA"
DARK = 2**6  # an upper byte below it is that of 14 bits or less


def is_deep(image: Image.Image) -> bool:
    """Whether a picture is grey with values of 16 or 32 bits."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def eight_bit(image: Image.Image) -> tuple[Image.Image, str]:
    """A greyscale picture of 16 or 32 bits as 8 bits, and a sentence on the range where it was not the file's own."""
    low, high, note = value_range(image)
    if is_inverted(image):
        low, high = high, low
    result = Image.new("L", image.size)
    for box in tiles(image.size):
        values = np.asarray(image.crop(box)).astype(np.float64)
        scaled = (values - low) * (255.0 / ((high - low) or 1e-12))
        result.paste(Image.fromarray(np.nan_to_num(scaled).round().clip(0, 255).astype(np.uint8)), box)
    return result, note


def is_inverted(image: Image.Image) -> bool:
    """Whether 0 is white, as in X-ray pictures: Pillow turns round only the values of 8 bits."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or not image.mode.startswith("I;16"):
        return False
    return bool(image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == INVERTED)


def value_range(image: Image.Image) -> tuple[float, float, str]:
    """What is black and what is white in a greyscale picture of 16 or 32 bits, and a sentence if that is a guess.

    Whole numbers from 0 to 65,535 are read by the smallest depth that holds them all, decimals from 0 to 1 as such,
    others by their own range.
    """
    ends = [(part.min(), part.max()) for part in (np.asarray(image.crop(box)) for box in tiles(image.size))]
    low, high = float(np.min(ends)), float(np.max(ends))  # NaN where any value is
    if image.mode == "F" and low >= 0 and high <= 1:
        return 0.0, 1.0, ""
    if image.mode != "F" and low >= 0 and high < 2**FULL:
        bits = depth_of(high)
        return 0.0, 2.0**bits - 1, stretched(bits, high, 32 if image.mode == "I" else FULL)
    text = _("This picture's values go from {low} to {high}, which were read as black and white.")
    return (
        low,
        high,
        text.format(low=decimal(low, 3), high=decimal(high, 3)) if math.isfinite(low) and math.isfinite(high) else "",
    )


def depth_of(highest: float) -> int:
    """The bits that values need, of those in use. A picture that is black throughout is as its file says."""
    return next((bits for bits in DEPTHS if 0 < highest < 2**bits), FULL)


def stretched(bits: int, highest: float, width: int = FULL) -> str:
    """The sentence for a picture whose values end far below the range of its file; width: bits a value there."""
    if bits == FULL:
        return ""
    text = _("No value in this {width}-bit file is above {highest:.0f}: it was brightened as a picture of {bits} bits.")
    return text.format(width=width, highest=highest, bits=bits)


def tiles(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes that cover a picture, TILE_PIXELS at most in each, however long and thin it is."""
    width, height = size
    across = min(width, TILE_PIXELS)
    down = TILE_PIXELS // across
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield left, top, min(left + across, width), min(top + down, height)


def raw_mode(image: ImageFile.ImageFile) -> str:
    """How Pillow is going to read a picture that it has not loaded yet."""
    args = image.tile[0].args if image.tile else ""
    return args if isinstance(args, str) else str(args[0]) if args else ""


def brightened(upper: Image.Image, lower: ImageFile.ImageFile, raw: str) -> str:
    """Bring a colour picture of 16 bits, loaded as its upper bytes, to the depth that its values need, in place.

    lower: the same picture, not loaded yet; raw: its `raw_mode`. Returns a sentence where anything was done.
    """
    if raw not in SWAPPED or brightest(upper) >= DARK:
        return ""
    lower.tile = [tile._replace(args=swapped(tile.args)) for tile in lower.tile]
    lower.load()
    whole = (colours(upper, lower, raw, box) for box in tiles(upper.size))
    highest = np.max([values.max(axis=(0, 1)) for values in whole], axis=0)
    bits = depth_of(highest[:3].max())
    if bits == FULL:
        return ""
    whites = np.where(highest < 2**bits, 2**bits - 1, 2**FULL - 1)  # transparency may have a range of its own
    for box in tiles(upper.size):
        values = colours(upper, lower, raw, box) * (255.0 / whites)
        upper.paste(Image.fromarray(values.round().astype(np.uint8)), box)
    return stretched(bits, highest[:3].max())


def brightest(image: Image.Image) -> int:
    """The highest number in any colour of an RGB or RGBA picture."""
    return max(int(np.asarray(image.crop(box))[..., :3].max()) for box in tiles(image.size))


def swapped(args: tuple[Any, ...] | str | None) -> tuple[Any, ...] | str:
    """A decoder's arguments with the raw mode of the lower bytes."""
    assert args
    return SWAPPED[args] if isinstance(args, str) else (SWAPPED[args[0]], *args[1:])


def colours(upper: Image.Image, lower: Image.Image, raw: str, box: tuple[int, int, int, int]) -> np.ndarray:
    """The 16-bit values of a part of a picture: uint16 (height, width, channels)."""
    high, low = (np.asarray(image.crop(box)).astype(np.uint16) for image in (upper, lower))
    return high << 8 | (low[..., [1, 1, 1, 3]] if raw == GREY_ALPHA else low)
