"""Security headers of every response: the page may do what it needs, and injected code may do nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addresses import relative_path

_DOCS = "/api/docs"
# Responses are data, whatever is in them; the description is a page with a script.
_DATA = {"default-src": "'none'"}
_DESCRIPTION = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}


def policy(directives: Mapping[str, str], frames: str = "'self'") -> str:
    """Return the value of Content-Security-Policy.

    Args:
        directives: The directives.
        frames: The sources whose pages may show this one in a frame.
    """
    return "; ".join(f"{name} {value}" for name, value in {**directives, "frame-ancestors": frames}.items())


def headers(content_policy: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response with this policy, as ASGI expects them."""
    return [
        (b"content-security-policy", content_policy.encode("ascii")),
        (b"x-content-type-options", b"nosniff"),  # the browser believes the content type
        (b"referrer-policy", b"same-origin"),  # addresses contain names of networks and data sets
    ]


def api_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers of the API's responses."""
    return _DESCRIPTION_HEADERS if relative_path(scope).startswith(_DOCS) else _DATA_HEADERS


_DATA_HEADERS, _DESCRIPTION_HEADERS = headers(policy(_DATA)), headers(policy(_DESCRIPTION))


class HeadersMiddleware:
    """Adds headers to every response that lacks them, and passes its chunks on as they come."""

    def __init__(self, app: ASGIApp, wanted: Callable[[Scope], list[tuple[bytes, bytes]]]) -> None:
        self.app, self.wanted = app, wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", ()))
                names = {name.lower() for name, _ in given}
                message["headers"] = given + [pair for pair in self.wanted(scope) if pair[0] not in names]
            await send(message)

        await self.app(scope, receive, send_with_headers)
