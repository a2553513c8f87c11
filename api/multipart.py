"""Extract a form's files while it streams in; nothing is written to disk."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.problems import Problem
from model.images.decoder import MAX_BYTES

# The client is told what it sends wrong; in the log, strangers could write as much as they like.
logging.getLogger("python_multipart").setLevel(logging.ERROR)
_MAX_NAME = 255
MAX_FIELDS = 100  # parts without a file, which are ignored


@dataclass
class File:
    """A file of a form: its name as it came, and its bytes."""

    name: str
    content: bytearray = field(default_factory=bytearray)


class _FormParser:
    """The parser's callbacks. A part of the form is a file if it has a file name or an image type.

    A browser sends an empty file chooser as a file without a name or content: it counts as a field.

    Args:
        limit: The maximum number of files.
    """

    def __init__(self, limit: int) -> None:
        self.files: list[File] = []
        self.limit, self.fields = limit, 0
        self.headers: dict[bytes, bytes] = {}
        self.name, self.value = bytearray(), bytearray()
        self.open: File | None = None
        self.ended = False

    def on_part_begin(self) -> None:
        """Start a part."""
        self.headers, self.open = {}, None

    def on_header_begin(self) -> None:
        """Start a header."""
        self.name, self.value = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Add to the header's name."""
        self.name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Add to the header's value."""
        self.value += data[start:end]

    def on_header_end(self) -> None:
        """Store the header."""
        self.headers[bytes(self.name).lower()] = bytes(self.value)

    def on_headers_finished(self) -> None:
        """Start a file, or count a field."""
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        kind = self.headers.get(b"content-type", b"").strip().lower()
        if b"filename" not in options and not kind.startswith(b"image/"):
            self._count_field()
            return
        name = options.get(b"filename", options.get(b"name", b"")).decode("utf-8", "replace")
        self.open = File(name[:_MAX_NAME])
        if name:
            self._keep(self.open)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Add to the file."""
        if self.open is None:
            return
        if not self.open.name and not self.open.content:
            self._keep(self.open)
        if len(self.open.content) <= MAX_BYTES:  # one byte more shows that it is too large
            self.open.content += data[start:end]

    def on_part_end(self) -> None:
        """Count an empty file chooser."""
        if self.open is not None and not self.open.name and not self.open.content:
            self._count_field()

    def _count_field(self) -> None:
        self.fields += 1
        if self.fields > MAX_FIELDS:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the form has more than {MAX_FIELDS} fields without a file"
            )

    def _keep(self, file: File) -> None:
        if len(self.files) >= self.limit:
            many = f"more than {self.limit} files came in one request"
            sentence = many if self.limit > 1 else "more than one file came; /api/predict takes many"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        self.files.append(file)

    def on_end(self) -> None:
        """Note that the form is complete."""
        self.ended = True


_CALLBACKS = [name for name in vars(_FormParser) if name.startswith("on_")]


async def read_form(chunks: AsyncIterator[bytes], content_type: str, limit: int) -> list[File]:
    """Read the files of a multipart body in their order, without those of empty file choosers.

    Args:
        chunks: The body.
        content_type: The value of the header.
        limit: The maximum number of files.

    Raises:
        Problem: It is not a complete form, or has too many parts.
    """
    _, options = parse_options_header(content_type)
    form = _FormParser(limit)
    callbacks = {name: getattr(form, name) for name in _CALLBACKS}
    try:
        parser = MultipartParser(options.get(b"boundary", b""), callbacks)  # type: ignore[arg-type]
        if not options.get(b"boundary"):
            raise FormParserError("its content type names no boundary")
        async for chunk in chunks:
            parser.write(chunk)
    except FormParserError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the form cannot be read: {error}") from error
    if not form.ended:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the form is cut off: its last boundary is missing")
    return form.files
