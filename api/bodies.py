"""A request's pictures: a form's files, raw bytes, or base64 in JSON."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from api.multipart import File, read_form
from api.problems import Problem, short
from model.images.decoder import MAX_BYTES

TAKEN = (
    "send a form with a file (multipart/form-data), the picture's bytes with its image type, "
    'or JSON like {"image": "<base64>"}'
)
MOST_PARTS = 1000  # of a JSON body, which has one string to say


async def read_pictures(request: Request, most: int) -> list[File]:
    """The pictures of a body, at least one and at most `most`. Raises Problem."""
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        files = await read_form(chunks(request), content_type, most)
        if not files:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the form holds no file; add one in a field of any name")
        return files
    if kind == "application/json":
        # A large string takes long enough to parse that others would notice.
        return [await asyncio.to_thread(from_json, await whole(request))]
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [File("", await whole(request))]
    raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the content type is {short(kind or 'missing')}; {TAKEN}")


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """The body's pieces as they come. Raises ClientDisconnect."""
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def whole(request: Request) -> bytearray:
    body = bytearray()
    async for chunk in chunks(request):
        body += chunk
    return body


def from_json(body: bytearray) -> File:
    """The picture in `image`, or in the only text there is: base64 or a data: URL. Raises Problem."""
    # A body full of tiny values would take fifty times its size in memory; base64 holds none of these signs.
    if sum(body.count(sign) for sign in b",[{") > MOST_PARTS:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the JSON has more than {MOST_PARTS} parts; {TAKEN}")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the body is not JSON: {error}") from error
    fields = content if isinstance(content, dict) else {}
    texts = [text for text in fields.values() if isinstance(text, str)]
    text = fields.get("image", texts[0] if len(texts) == 1 else None)
    if not isinstance(text, str):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the JSON has no text in 'image'; {TAKEN}")
    return File("", bytearray(from_base64(text)))


def from_base64(text: str) -> bytes:
    """The bytes of base64, of its form for web addresses, or of a data: URL. Raises Problem."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    plain = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"'image' is not base64: {short(text)}") from error


def check_size(file: File) -> None:
    """Raises Problem for a picture larger than the limit."""
    if len(file.content) > MAX_BYTES:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the picture is larger than the {MAX_BYTES // 2**20} MB that are taken",
        )
