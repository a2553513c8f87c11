"""What people said of answers as pictures to learn from: a folder with one sub-folder a class."""

from __future__ import annotations

import re
from typing import BinaryIO
from zipfile import ZIP_STORED, ZipFile

from model.history.prediction_log import each_judged

LEAST_CLASSES = 2  # fewer are no task for a classifier, and `fit --data` refuses them
# Names that Windows keeps for devices, whatever comes after the first dot.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def write_zip(file: BinaryIO) -> int:
    """Write a ZIP with the judged pictures and return how many, one after another, as there may be very many.

    They are as kept, JPEGs of 160 x 160 pixels, as CLASS/NUMBER.jpg: unpacked, data for `fit --data`.
    Raises StoreError.
    """
    count = 0
    with ZipFile(file, "w", ZIP_STORED) as archive:  # a JPEG does not get smaller
        for answer in each_judged():
            archive.writestr(f"{folder_name(answer.truth or '')}/{answer.id:06d}.jpg", answer.thumbnail)
            count += 1
    return count


def folder_name(label: str) -> str:
    """A class's name as a folder that every system can have; what it cannot hold is written as %2F is."""
    safe = "".join(sign if sign.isalnum() or sign in " ._-()," else encoded(sign) for sign in label)
    if safe[:1] in (".", " "):
        safe = encoded(safe[0]) + safe[1:]
    if safe[-1:] in (".", " "):
        safe = safe[:-1] + encoded(safe[-1])
    return f"{encoded(safe[0])}{safe[1:]}" if DEVICES.fullmatch(safe) else safe


def encoded(sign: str) -> str:
    return "".join(f"%{byte:02X}" for byte in sign.encode("utf-8", "surrogatepass"))
