"""What every answer tells the browser to allow: the page may do what it needs, and nothing that was smuggled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addresses import address_of

DOCS = "/api/docs"
# Answers are data and stay data, whatever is in them; the description is a page with a script in it.
DATA = {"default-src": "'none'"}
DESCRIPTION = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}


def policy(directives: Mapping[str, str], frames: str = "'self'") -> str:
    """The value of Content-Security-Policy. frames: whose pages may show this one in a frame."""
    return "; ".join(f"{name} {value}" for name, value in {**directives, "frame-ancestors": frames}.items())


def headers(content_policy: str) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with this policy, as ASGI has them."""
    return [
        (b"content-security-policy", content_policy.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),  # a browser takes an answer for what it says it is
        (b"referrer-policy", b"same-origin"),  # addresses name networks and data sets: nobody else's business
    ]


def api_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers of the API's answers."""
    return DESCRIPTION_HEADERS if address_of(scope).startswith(DOCS) else DATA_HEADERS


DATA_HEADERS, DESCRIPTION_HEADERS = headers(policy(DATA)), headers(policy(DESCRIPTION))


class Guarded:
    """Adds headers to every answer that has not got them already, and passes each piece of it on as it comes."""

    def __init__(self, app: ASGIApp, wanted: Callable[[Scope], list[tuple[bytes, bytes]]]) -> None:
        self.app, self.wanted = app, wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = given + [pair for pair in self.wanted(scope) if pair[0] not in names]
            await send(message)

        await self.app(scope, receive, guarded)
