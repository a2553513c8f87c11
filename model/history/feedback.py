"""Export pictures with feedback as training data: a folder with one sub-folder for each class."""

from __future__ import annotations

import re
from typing import BinaryIO
from zipfile import ZIP_STORED, ZipFile

from model.history.prediction_log import iterate_judged

MIN_CLASSES = 2  # `fit --data` refuses fewer
# Names that Windows reserves for devices, whatever follows the first dot.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def write_zip(file: BinaryIO) -> int:
    """Write a ZIP file with the pictures whose right class somebody has said, one at a time: there may be very many.

    They are the saved JPEG thumbnails of 160 x 160 pixels, as CLASS/NUMBER.jpg; unpacked, they are data for `fit
    --data`.

    Returns:
        The number of pictures.

    Raises:
        StoreError: The history cannot be read.
    """
    count = 0
    with ZipFile(file, "w", ZIP_STORED) as archive:  # JPEGs cannot be compressed further
        for answer in iterate_judged():
            archive.writestr(f"{folder_name(answer.truth or '')}/{answer.id:06d}.jpg", answer.thumbnail)
            count += 1
    return count


def folder_name(label: str) -> str:
    """Return a class's name as a folder name that every system accepts; other characters become like %2F."""
    safe = "".join(sign if sign.isalnum() or sign in " ._-()," else _percent_encode(sign) for sign in label)
    if safe[:1] in (".", " "):
        safe = _percent_encode(safe[0]) + safe[1:]
    if safe[-1:] in (".", " "):
        safe = safe[:-1] + _percent_encode(safe[-1])
    return f"{_percent_encode(safe[0])}{safe[1:]}" if _DEVICES.fullmatch(safe) else safe


def _percent_encode(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "surrogatepass"))
