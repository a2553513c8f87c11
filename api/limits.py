"""Middleware before every route: the token, and limits for bodies while they stream in."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addresses import relative_path
from api.problems import Problem, busy_problem, problem_response
from model.common.settings import Settings
from model.images.decoder import MAX_BYTES

_HEALTH = "/api/health"  # needs no token
_BATCH = "/api/predict"
TEACH = "/api/teach/"  # and below it
# Base64 has 4 characters for 3 bytes; the rest is for the form or the JSON around it.
MAX_BODY = MAX_BYTES * 4 // 3 + 65536
_DISCARD_SECONDS = 2.0
_PAUSES = 15  # a whole body may take this many times the longest pause


def _expects_continue(scope: Scope) -> bool:
    """Return whether a client waits for `100 Continue`: it can get an error before it has sent anything."""
    return any(name == b"expect" for name, _ in scope["headers"])


async def _discard_rest(receive: Receive, limit: int) -> None:
    """Read the rest of a refused body for a while: most clients read the response only after sending everything."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while limit > 0:
                message = await receive()
                limit -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return


class TokenMiddleware:
    """Accepts only requests with the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.wanted = app, b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or relative_path(scope) == _HEALTH or self._is_authorized(scope):
            await self.app(scope, receive, send)
            return
        if not _expects_continue(scope):
            await _discard_rest(receive, MAX_BODY)
        sentence = "this server asks for a token; send the header 'Authorization: Bearer TOKEN'"
        headers = {"WWW-Authenticate": "Bearer", "Connection": "close"}
        await problem_response(HTTPStatus.UNAUTHORIZED, sentence, headers)(scope, receive, send)

    def _is_authorized(self, scope: Scope) -> bool:
        """Compare the token in constant time."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        kind, _, token = given.partition(b" ")
        return hmac.compare_digest(kind.title() + b" " + token.strip(), self.wanted)


def takes_many(address: str) -> bool:
    """Whether a form with many pictures may be sent there."""
    return address == _BATCH or address.startswith(TEACH)


class BodyLimitMiddleware:
    """Counts the bytes of all bodies: one that is too large or too slow, or too many bytes in total, is a Problem.

    The Problem is raised where the body is awaited, so that the route's own error handling responds.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.held = 0  # bytes of all requests being received or handled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # What all bodies together may take is a limit for each: waiting would not help one that is larger.
        batch = min(self.settings.batch_mb, self.settings.body_mb) * 2**20
        body = _LimitedBody(self, receive, batch if takes_many(relative_path(scope)) else MAX_BODY)
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        try:
            if declared.isdigit() and int(declared) > body.limit:
                if not _expects_continue(scope):
                    await _discard_rest(receive, body.limit)
                problem = body.too_large()
                await problem_response(problem.status, problem.sentence, problem.headers)(scope, receive, send)
            else:
                await self.app(scope, body, send)
        finally:
            self.held -= body.size


class _LimitedBody:
    """The `receive` of one request."""

    def __init__(self, bodies: BodyLimitMiddleware, receive: Receive, limit: int) -> None:
        self.bodies, self.receive, self.limit = bodies, receive, limit
        self.size, self.done = 0, False
        self.last = asyncio.get_running_loop().time() + _PAUSES * bodies.settings.body_seconds

    async def __call__(self) -> Message:
        """Return the next message, and count its bytes."""
        message = await (self.receive() if self.done else self.next_chunk())
        self.done = not message.get("more_body", False)
        length = len(message.get("body", b""))
        self.size += length
        self.bodies.held += length
        if self.size > self.limit:
            await _discard_rest(self.receive, self.limit)
            raise self.too_large()
        if self.bodies.held > self.bodies.settings.body_mb * 2**20:
            # Its memory is free for the others at once: if all were refused together, none would get through.
            self.bodies.held -= self.size
            self.size = 0
            raise busy_problem("the server has no memory for more requests; try again in a second")
        return message

    async def next_chunk(self) -> Message:
        """Return the next chunk of the body.

        Raises:
            Problem: It does not come in time.
        """
        pause = self.bodies.settings.body_seconds
        try:
            async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + pause, self.last)):
                return await self.receive()
        except TimeoutError:
            sentence = f"the body stopped for {pause:g} seconds or took more than {_PAUSES * pause:g}"
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, sentence, {"Connection": "close"}) from None

    def too_large(self) -> Problem:
        """Return the Problem of a body that is too large."""
        # For one picture, people know the limit of the file, without what base64 and a form add.
        what, limit = ("picture", MAX_BYTES) if self.limit == MAX_BODY else ("body", self.limit)
        sentence = f"the {what} is larger than the {limit // 2**20} MB that are accepted"
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence, {"Connection": "close"})
