"""Sign in and out: the password is exchanged for a cookie that scripts cannot read and other sites cannot send."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Collection
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.problems import problem_response
from dashboard.access.password import LOGIN_LIMITER, SESSIONS, is_right, owner_password
from dashboard.access.visitors import FOREIGN, classify_connection

_PATH = "/owner"
COOKIE = "vitrine_owner"
_MAX_BYTES = 4096
_SECONDS = 10.0


def sign_in_routes(base: str, names: Collection[str]) -> list[Route]:
    """Return the routes: POST signs in, DELETE signs out.

    Args:
        base: The path of the pages.
        names: As for `classify_connection`.
    """

    async def sign(request: Request) -> Response:
        if request.method not in ("POST", "DELETE"):
            sentence = f"{request.url.path} takes POST, to sign in, and DELETE, to sign out"
            return problem_response(HTTPStatus.METHOD_NOT_ALLOWED, sentence, {"Allow": "POST, DELETE"})
        if classify_connection(request.scope, names) == FOREIGN:
            return problem_response(HTTPStatus.FORBIDDEN, "only a page of this server signs in and out")
        return await (_sign_in if request.method == "POST" else _sign_out)(request, base or "/")

    return [Route(base + _PATH, sign, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])]


async def _sign_in(request: Request, path: str) -> Response:
    """Exchange the password for a cookie; nothing is awaited between asking the limiter and recording the result."""
    if not owner_password():
        return problem_response(HTTPStatus.NOT_FOUND, "this server has no password; VITRINE_PASSWORD gives it one")
    given = await _read_password(request)
    if given is None:
        sentence = 'send JSON as in {"password": "…"}, with the content type application/json'
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
    address = request.client.host if request.client else ""
    if wait := math.ceil(LOGIN_LIMITER.wait(address)):
        sentence = f"too many wrong passwords; try again in {wait} s"
        return problem_response(HTTPStatus.TOO_MANY_REQUESTS, sentence, {"Retry-After": str(wait)})
    if not is_right(given):
        LOGIN_LIMITER.record_failure(address)
        return problem_response(HTTPStatus.UNAUTHORIZED, "this is not the password")
    LOGIN_LIMITER.record_success(address)
    answer = JSONResponse({"success": True}, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        COOKIE, SESSIONS.add(), path=path, secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
    return answer


async def _sign_out(request: Request, path: str) -> Response:
    """Invalidate the cookie, in this browser and in any copy."""
    SESSIONS.end(request.cookies.get(COOKIE, ""))
    answer = JSONResponse({"success": True}, headers={"Cache-Control": "no-store"})
    answer.delete_cookie(COOKIE, path=path, httponly=True, samesite="strict")
    return answer


async def _read_password(request: Request) -> str | None:
    """Read the password in the body; None if it is missing or does not arrive in time."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None
    body = b""
    try:
        async with asyncio.timeout(_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > _MAX_BYTES:
                    return None
        given = json.loads(body)
    except (TimeoutError, ClientDisconnect, ValueError, RecursionError):
        return None
    found = given.get("password") if isinstance(given, dict) else None
    return found if isinstance(found, str) else None
