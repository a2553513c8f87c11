"""How many files a ZIP lists, before `zipfile` makes an object of each: millions of them would fill the memory."""

from __future__ import annotations

import struct
from typing import IO

_END, _END64, _LOCATOR64, _ENTRY = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02"
_END_BYTES, _END64_BYTES, _LOCATOR64_BYTES = 22, 56, 20
_MOST_COMMENT = 2**16
_ENTRY_BYTES = 512  # of the list for each file, on average: its name takes most of them


def lists_at_most(file: IO[bytes], most: int) -> bool:
    """Return whether a ZIP lists at most so many files; True where it has no list, which `zipfile` refuses.

    `zipfile` goes by the size of the list and not by the number beside it, which may be any: the entries are counted.

    Args:
        file: The archive; it is left at another place.
        most: How many files may be in the list.
    """
    length = file.seek(0, 2)
    begin = file.seek(max(length - _MOST_COMMENT - _END_BYTES - _LOCATOR64_BYTES - _END64_BYTES, 0))
    tail = file.read()
    end = len(tail) - _END_BYTES  # of a ZIP without a comment
    if not (tail[end:].startswith(_END) and tail.endswith(b"\0\0")):
        end = tail.rfind(_END)
    if end < 0 or len(tail) < end + _END_BYTES:
        return True
    size = struct.unpack_from("<I", tail, end + 12)[0]
    whole = end - _LOCATOR64_BYTES - _END64_BYTES
    if whole >= 0 and tail.startswith(_LOCATOR64, end - _LOCATOR64_BYTES) and tail.startswith(_END64, whole):
        end, size = whole, struct.unpack_from("<Q", tail, whole + 40)[0]
    if size > most * _ENTRY_BYTES:
        return False
    file.seek(max(begin + end - size, 0))
    return file.read(size).count(_ENTRY) <= most
