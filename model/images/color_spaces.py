"""Colours of other spaces as sRGB, which networks learn from: an iPhone's Display P3, a printer's CMYK."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image, ImageCms

MAX_PROFILE = 4 * 2**20  # bytes; those of printers have about 2 MB
SPACES = {"RGB": "RGB ", "RGBA": "RGB ", "RGBX": "RGB ", "CMYK": "CMYK"}  # a mode -> what its profile must be for
SRGB = "srgb"


def to_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB, changed in place where that can be; as it is where its profile is missing or damaged."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or len(profile) > MAX_PROFILE or image.mode not in SPACES:
        return image
    with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):  # as a browser does: the colours as they stand
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        described = (source.profile.profile_description or "").lower()
        if source.profile.xcolor_space == SPACES[image.mode] and SRGB not in described.replace(" ", ""):
            return converted(image, source)
    return image


def converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    """Raises PyCMSError for a profile that does not do what it says."""
    mode = "RGB" if image.mode == "CMYK" else image.mode
    target = ImageCms.createProfile("sRGB")
    changed = ImageCms.profileToProfile(image, source, target, outputMode=mode, inPlace=mode == image.mode)
    return changed or image
