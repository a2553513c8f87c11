"""Signing in and out: the password is exchanged for a cookie that no script can read and no other site can send."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Collection
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.problems import problem_response
from dashboard.access.password import PASSWORD, SIGNED_IN, TRIES, is_right, wanted
from dashboard.access.visitors import OTHER, standing

PATH = "/owner"
COOKIE = "vitrine_owner"
MOST_BYTES = 4096
SECONDS = 10.0


def sign_routes(base: str, names: Collection[str]) -> list[Route]:
    """POST to sign in, DELETE to sign out. base: the path that the pages stand under; names: as for `standing`."""

    async def sign(request: Request) -> Response:
        if request.method not in ("POST", "DELETE"):
            sentence = f"{request.url.path} takes POST, to sign in, and DELETE, to sign out"
            return problem_response(HTTPStatus.METHOD_NOT_ALLOWED, sentence, {"Allow": "POST, DELETE"})
        if standing(request.scope, names) == OTHER:
            return problem_response(HTTPStatus.FORBIDDEN, "only a page of this server signs in and out")
        return await (sign_in if request.method == "POST" else sign_out)(request, base or "/")

    return [Route(base + PATH, sign, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])]


async def sign_in(request: Request, path: str) -> Response:
    """Exchange the password for a cookie. Nothing is awaited between asking for a try and counting it."""
    if not wanted():
        return problem_response(HTTPStatus.NOT_FOUND, f"this server has no password; {PASSWORD} gives it one")
    given = await password_of(request)
    if given is None:
        sentence = 'send JSON as in {"password": "…"}, with the content type application/json'
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
    address = request.client.host if request.client else ""
    if wait := math.ceil(TRIES.wait(address)):
        sentence = f"too many wrong passwords; try again in {wait} s"
        return problem_response(HTTPStatus.TOO_MANY_REQUESTS, sentence, {"Retry-After": str(wait)})
    if not is_right(given):
        TRIES.wrong(address)
        return problem_response(HTTPStatus.UNAUTHORIZED, "this is not the password")
    TRIES.right(address)
    answer = JSONResponse({"success": True}, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        COOKIE, SIGNED_IN.add(), path=path, secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
    return answer


async def sign_out(request: Request, path: str) -> Response:
    """Let the cookie count no more, in this browser and wherever else it may be."""
    SIGNED_IN.end(request.cookies.get(COOKIE, ""))
    answer = JSONResponse({"success": True}, headers={"Cache-Control": "no-store"})
    answer.delete_cookie(COOKIE, path=path, httponly=True, samesite="strict")
    return answer


async def password_of(request: Request) -> str | None:
    """The password in the body; None where there is none to be found, or it does not come in time."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None
    body = b""
    try:
        async with asyncio.timeout(SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BYTES:
                    return None
        given = json.loads(body)
    except (TimeoutError, ValueError, RecursionError):
        return None
    found = given.get("password") if isinstance(given, dict) else None
    return found if isinstance(found, str) else None
