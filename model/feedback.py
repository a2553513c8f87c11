"""What people said of answers as pictures to learn from: a folder with one sub-folder a class."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from zipfile import ZIP_STORED, ZipFile

from model.history import KeptAnswer

LEAST_CLASSES = 2  # fewer are no task for a classifier, and `fit --data` refuses them
# Names that Windows keeps for devices, whatever comes after the first dot.
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def judged(answers: Iterable[KeptAnswer]) -> list[KeptAnswer]:
    """The answers whose right class somebody said, one a picture: where several were judged, the last word counts."""
    said = sorted((answer for answer in answers if answer.truth is not None), key=lambda answer: answer.judged or 0.0)
    return list({answer.picture_sha256: answer for answer in said}.values())


def to_zip(answers: Iterable[KeptAnswer]) -> bytes:
    """The judged pictures as kept, JPEGs of 160 x 160 pixels, as CLASS/NUMBER.jpg: unpacked, data for `fit --data`."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:  # a JPEG does not get smaller
        for answer in judged(answers):
            archive.writestr(f"{folder_name(answer.truth or '')}/{answer.id:06d}.jpg", answer.thumbnail)
    return buffer.getvalue()


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
