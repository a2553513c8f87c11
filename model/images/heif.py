"""HEIC and other HEIF pictures, as iPhones save them; the decoder is imported when the first one comes."""

from __future__ import annotations

import io
import threading

from PIL import ImageFile

from model.common.errors import VitrineError
from model.i18n.translations import gettext as _

_HEVC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_BRANDS = {b"mif1", b"msf1", b"mif2"}  # HEIF with any codec
_AVIF_BRANDS = {b"avif", b"avis"}  # Pillow reads AVIF itself
_IMPORT_LOCK = threading.Lock()  # so that two threads do not import at once; reading a header is quick


class NoDecoder(VitrineError):
    """The package that decodes HEIC is not installed; the message says what to do."""


def is_heif(content: bytes) -> bool:
    """Return whether a file is HEIF but not AVIF, which is a kind of HEIF."""
    length, kind = int.from_bytes(content[:4], "big"), content[4:8]
    if kind != b"ftyp":
        return False
    box = content[8 : min(max(length, 12), 1024)]
    brands = {box[:4], *(box[position : position + 4] for position in range(8, len(box), 4))}
    return bool(brands & _HEVC_BRANDS) or bool(brands & _HEIF_BRANDS and not brands & _AVIF_BRANDS)


def open_heif(content: bytes) -> ImageFile.ImageFile:
    """Open the main picture of a HEIF file, upright, without decoding it.

    Raises:
        NoDecoder: The decoder is not installed.
        SyntaxError: The file is damaged.
    """
    with _IMPORT_LOCK:
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
