"""HEIC and other HEIF pictures, as iPhones save them; what reads them is imported when the first one comes."""

from __future__ import annotations

import io
import threading

from PIL import ImageFile

from model.common.errors import VitrineError
from model.i18n.translations import gettext as _

HEVC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
ANY = {b"mif1", b"msf1", b"mif2"}  # HEIF of any coding
AVIF = {b"avif", b"avis"}  # which Pillow reads by itself
OPENING = threading.Lock()  # two threads do not import at once; reading a header takes no time


class NoDecoder(VitrineError):
    """The package that reads HEIC is not there; the message is a sentence that says what to do."""


def is_heif(content: bytes) -> bool:
    """Whether a file says that it is HEIF and not AVIF, which is a kind of it."""
    length, kind = int.from_bytes(content[:4], "big"), content[4:8]
    if kind != b"ftyp":
        return False
    box = content[8 : min(max(length, 12), 1024)]
    brands = {box[:4], *(box[place : place + 4] for place in range(8, len(box), 4))}
    return bool(brands & HEVC) or bool(brands & ANY and not brands & AVIF)


def open_heif(content: bytes) -> ImageFile.ImageFile:
    """Its main picture, upright, not decoded yet. Raises NoDecoder, and SyntaxError for what is damaged."""
    with OPENING:
        try:
            from pillow_heif import HeifImageFile

            return HeifImageFile(io.BytesIO(content))  # type: ignore[no-untyped-call]
        except ImportError as error:
            raise NoDecoder(
                _(
                    "This is a HEIC picture, and what reads them is not installed here: "
                    "pip install pillow-heif, or save the picture as JPEG."
                )
            ) from error
