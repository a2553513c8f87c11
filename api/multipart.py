"""A form's files, taken out of it while it streams in; nothing is written to disk."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.problems import Problem
from model.images.decoder import MAX_BYTES

# What a client sends wrong is told to the client: the log would grow as strangers please.
logging.getLogger("python_multipart").setLevel(logging.ERROR)
LONGEST_NAME = 255
MOST_FIELDS = 100  # parts that are not files; they are read over


@dataclass
class File:
    """One file of a form: its name as it came, and its bytes."""

    name: str
    content: bytearray = field(default_factory=bytearray)


class Form:
    """What the parser calls back, piece by piece. A part is a file if it has a file's name or an image's type."""

    def __init__(self, most: int) -> None:
        self.files: list[File] = []
        self.most, self.fields = most, 0
        self.headers: dict[bytes, bytes] = {}
        self.name, self.value = bytearray(), bytearray()
        self.open: File | None = None
        self.ended = False

    def on_part_begin(self) -> None:
        self.headers, self.open = {}, None

    def on_header_begin(self) -> None:
        self.name, self.value = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        self.headers[bytes(self.name).lower()] = bytes(self.value)

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        kind = self.headers.get(b"content-type", b"").strip().lower()
        if b"filename" not in options and not kind.startswith(b"image/"):
            self.fields += 1
            if self.fields > MOST_FIELDS:
                raise Problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the form has more than {MOST_FIELDS} fields without a file"
                )
            return
        if len(self.files) >= self.most:
            many = f"more than {self.most} files came in one request"
            sentence = many if self.most > 1 else "more than one file came; /api/predict takes many"
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        name = options.get(b"filename", options.get(b"name", b"")).decode("utf-8", "replace")
        self.open = File(name[:LONGEST_NAME])
        self.files.append(self.open)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self.open is not None and len(self.open.content) <= MAX_BYTES:  # one byte more says that it is too large
            self.open.content += data[start:end]

    def on_end(self) -> None:
        self.ended = True


CALLBACKS = [name for name in vars(Form) if name.startswith("on_")]


async def read_form(chunks: AsyncIterator[bytes], content_type: str, most: int) -> list[File]:
    """The files of a multipart body in their order, those of an empty file chooser left out. Raises Problem."""
    _, options = parse_options_header(content_type)
    form = Form(most)
    callbacks = {name: getattr(form, name) for name in CALLBACKS}
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
    return [file for file in form.files if file.name or file.content]
