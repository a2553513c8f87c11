"""What stands before every route: the token, and bodies held within limits while they stream in."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addresses import address_of
from api.problems import Problem, busy, problem_response
from api.settings import Settings
from model.images.decoder import MAX_BYTES

OPEN = "/api/health"  # asks for no token
MANY = "/api/predict"
# A picture in base64 has 4 characters for 3 bytes; the rest is for what stands around it.
ONE_BODY = MAX_BYTES * 4 // 3 + 65536
DRAIN_SECONDS = 2.0
PAUSES = 15  # a whole body may take that many times the longest pause


def patient(scope: Scope) -> bool:
    """Whether a client waits for `100 Continue`: it gets an error before it has sent anything."""
    return any(name == b"expect" for name, _ in scope["headers"])


async def read_over(receive: Receive, most: int) -> None:
    """Take what still comes of a refused body, for a while: most clients look for an answer when all is sent."""
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while most > 0:
                message = await receive()
                most -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return


class Token:
    """Lets a request through that bears the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.wanted = app, b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or address_of(scope) == OPEN or self.borne(scope):
            await self.app(scope, receive, send)
            return
        if not patient(scope):
            await read_over(receive, ONE_BODY)
        sentence = "this server asks for a token; send the header 'Authorization: Bearer TOKEN'"
        headers = {"WWW-Authenticate": "Bearer", "Connection": "close"}
        await problem_response(HTTPStatus.UNAUTHORIZED, sentence, headers)(scope, receive, send)

    def borne(self, scope: Scope) -> bool:
        """Compared in a time that does not tell how much of it was right."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        kind, _, token = given.partition(b" ")
        return hmac.compare_digest(kind.title() + b" " + token.strip(), self.wanted)


class Bodies:
    """Counts every body as it arrives: one too large or too slow, or too much of all together, is a Problem.

    The Problem is raised where the body is awaited, so that the route's own error handling answers.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings
        self.held = 0  # bytes of all requests that are being received or worked on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = Body(self, receive, self.settings.batch_mb * 2**20 if address_of(scope) == MANY else ONE_BODY)
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        try:
            if declared.isdigit() and int(declared) > body.limit:
                if not patient(scope):
                    await read_over(receive, body.limit)
                problem = body.too_large()
                await problem_response(problem.status, problem.sentence, problem.headers)(scope, receive, send)
            else:
                await self.app(scope, body, send)
        finally:
            self.held -= body.size


class Body:
    """One request's `receive`."""

    def __init__(self, bodies: Bodies, receive: Receive, limit: int) -> None:
        self.bodies, self.receive, self.limit = bodies, receive, limit
        self.size, self.done = 0, False
        self.last = asyncio.get_running_loop().time() + PAUSES * bodies.settings.body_seconds

    async def __call__(self) -> Message:
        message = await (self.receive() if self.done else self.piece())
        self.done = not message.get("more_body", False)
        length = len(message.get("body", b""))
        self.size += length
        self.bodies.held += length
        if self.size > self.limit:
            await read_over(self.receive, self.limit)
            raise self.too_large()
        if self.bodies.held > self.bodies.settings.body_mb * 2**20:
            # What this one held is for the others from now on: refused all at once, none of them would get through.
            self.bodies.held -= self.size
            self.size = 0
            raise busy("the server holds as many bodies as it has memory for; come back in a second")
        return message

    async def piece(self) -> Message:
        """The next piece of the body, if it comes in time."""
        pause = self.bodies.settings.body_seconds
        try:
            async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + pause, self.last)):
                return await self.receive()
        except TimeoutError:
            sentence = f"the body stopped for {pause:g} seconds or took more than {PAUSES * pause:g}"
            raise Problem(HTTPStatus.REQUEST_TIMEOUT, sentence, {"Connection": "close"}) from None

    def too_large(self) -> Problem:
        # Of one picture, the limit that a person knows is the file's, without what base64 and a form add.
        what, most = ("picture", MAX_BYTES) if self.limit == ONE_BODY else ("body", self.limit)
        sentence = f"the {what} is larger than the {most // 2**20} MB that are taken"
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, sentence, {"Connection": "close"})
