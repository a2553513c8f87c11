from __future__ import annotations

import io
import struct
import zipfile

import pytest

from model.common.zip_listing import lists_at_most


def zip_of(count: int, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.comment = comment
        for number in range(count):
            archive.writestr(f"{number}.txt", b"x")
    return buffer.getvalue()


def as_zip64(content: bytes) -> bytes:
    """The same archive with its numbers in the records of large ones, and none in the usual one."""
    count, size, begin = struct.unpack_from("<HII", content, len(content) - 12)
    whole = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, begin)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(content) - 22, 1)
    empty = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    return content[:-22] + whole + locator + empty


ZIPS = {
    "plain": zip_of(5),
    "with a comment": zip_of(5, b"made by hand"),
    "behind other bytes": b"x" * 70_000 + zip_of(5),
    "with a number that is too small": zip_of(5)[:-14] + struct.pack("<HH", 1, 1) + zip_of(5)[-10:],
    "large": as_zip64(zip_of(5)),
    "large behind other bytes": b"x" * 70_000 + as_zip64(zip_of(5)),
    "with a record in its last record": zip_of(5)[:-6] + b"PK\x05\x06" + bytes(2),
}


@pytest.mark.parametrize("kind", ZIPS)
def test_the_files_of_a_zip_are_counted(kind: str) -> None:
    file = io.BytesIO(ZIPS[kind])
    if "last record" not in kind:
        with zipfile.ZipFile(file) as archive:
            assert len(archive.namelist()) == 5
    assert lists_at_most(file, 5) and not lists_at_most(file, 4)


def test_a_list_that_claims_to_be_huge_is_not_read() -> None:
    content = bytearray(zip_of(1))
    struct.pack_into("<I", content, len(content) - 10, 2**31)
    assert not lists_at_most(io.BytesIO(content), 1000)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06", zip_of(3)[:-1], bytes(100)])
def test_what_has_no_list_is_left_to_zipfile(content: bytes) -> None:
    assert lists_at_most(io.BytesIO(content), 0)
