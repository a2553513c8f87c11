"""Read the pictures in a request's body: the files of a form, raw bytes, or base64 in JSON."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from api.multipart import File, read_form
from api.problems import Problem, shorten
from model.images.decoder import MAX_BYTES

_ACCEPTED = (
    "send a form with a file (multipart/form-data), the picture's bytes with its image type, "
    'or JSON like {"image": "<base64>"}'
)
MAX_JSON_PARTS = 1000  # of a JSON body, in which one string is enough


async def read_pictures(request: Request, limit: int) -> list[File]:
    """Read the pictures in a body, at least one.

    Args:
        request: The request.
        limit: The maximum number of pictures.

    Raises:
        Problem: The body is something else.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        files = await read_form(stream_body(request), content_type, limit)
        if not files:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "the form has no file; add one in a field of any name")
        return files
    if kind == "application/json":
        # Parsing a large string takes so long that other requests would notice.
        return [await asyncio.to_thread(_parse_json, await _read_body(request))]
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [File("", await _read_body(request))]
    raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the content type is {shorten(kind or 'missing')}; {_ACCEPTED}")


async def stream_body(request: Request) -> AsyncIterator[bytes]:
    """Yield the chunks of a body.

    Raises:
        ClientDisconnect: The client has left.
    """
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _read_body(request: Request) -> bytearray:
    body = bytearray()
    async for chunk in stream_body(request):
        body += chunk
    return body


def _parse_json(body: bytearray) -> File:
    """Return the picture in `image`, or in the only string: base64 or a data: URL.

    Raises:
        Problem: There is none.
    """
    # A body full of tiny values would take fifty times its size in memory; base64 has none of these characters.
    if sum(body.count(sign) for sign in b",[{") > MAX_JSON_PARTS:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the JSON has more than {MAX_JSON_PARTS} parts; {_ACCEPTED}")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the body is not JSON: {error}") from error
    fields = content if isinstance(content, dict) else {}
    texts = [text for text in fields.values() if isinstance(text, str)]
    text = fields.get("image", texts[0] if len(texts) == 1 else None)
    if not isinstance(text, str):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"the JSON has no text in 'image'; {_ACCEPTED}")
    return File("", bytearray(_decode_base64(text)))


def _decode_base64(text: str) -> bytes:
    """Decode base64, also in its URL-safe form or as a data: URL.

    Raises:
        Problem: It is not base64.
    """
    if text.startswith("data:"):
        text = text.partition(",")[2]
    plain = "".join(text.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"'image' is not base64: {shorten(text)}") from error


def check_size(file: File) -> None:
    """Check that a picture is not larger than the limit.

    Raises:
        Problem: It is larger.
    """
    if len(file.content) > MAX_BYTES:
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the picture is larger than the {MAX_BYTES // 2**20} MB that are accepted",
        )
