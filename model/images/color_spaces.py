"""Convert pictures from other colour spaces, such as Display P3 or CMYK, to sRGB, which networks are trained on."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image, ImageCms

_MAX_PROFILE = 4 * 2**20  # bytes; printer profiles have about 2 MB
_SPACES = {
    "RGB": "RGB ",
    "RGBA": "RGB ",
    "RGBX": "RGB ",
    "CMYK": "CMYK",
}  # mode -> the colour space that its profile must have
_SRGB = "srgb"


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert a picture to sRGB, in place where possible; unchanged if its profile is missing or damaged."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) > _MAX_PROFILE or image.mode not in _SPACES:
        return image
    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):  # like a browser: keep the colours as they are
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        described = (source.profile.profile_description or "").lower()
        if source.profile.xcolor_space == _SPACES[image.mode] and _SRGB not in described.replace(" ", ""):
            return _convert(image, source)
    return image


def _convert(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    mode = "RGB" if image.mode == "CMYK" else image.mode
    target = ImageCms.createProfile("sRGB")
    changed = ImageCms.profileToProfile(image, source, target, outputMode=mode, inPlace=mode == image.mode)
    return changed or image
