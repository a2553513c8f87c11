"""Where the API is found inside another application: at the root, or under the path that a reverse proxy gives it."""

from __future__ import annotations

from http import HTTPStatus

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem_response, short

PATHS = ("/predict", "/metrics", "/api", "/api/{rest:path}")
# Where a monitor would look for a server's health. The page would answer there with itself and 200, as everywhere.
LOOKED_FOR = ("/health", "/healthz", "/livez", "/readyz", "/{before:path}/api/health")


def base_path(given: str | None) -> str:
    """A path as addresses begin with it: `vitrine`, `/vitrine/` and the like are `/vitrine`; none is empty."""
    path = (given or "").strip("/")
    return f"/{path}" if path else ""


def address_of(scope: Scope) -> str:
    """The path that is asked for, without the one that the whole server stands under."""
    path: str = scope["path"]
    base: str = scope.get("root_path", "")
    return path[len(base) :] if base and path.startswith(f"{base}/") else path


class Under:
    """An application that stands under a path of its own."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self.app, self.base = app, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "root_path": scope.get("root_path", "") + self.base}, receive, send)


class NotHere:
    """Answers 404 where a program would look for the API, and says where it is."""

    def __init__(self, base: str) -> None:
        self.base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        docs = f"{scope.get('root_path', '')}{self.base}/api/docs"
        sentence = f"there is nothing at {short(scope['path'])}; {docs} lists what there is"
        await problem_response(HTTPStatus.NOT_FOUND, sentence)(scope, receive, send)


def routes(app: ASGIApp, base: str = "") -> list[BaseRoute]:
    """The API's addresses as routes of another application, which keeps all the others. base: as `base_path` gives it.

    Where a program would look for them in vain, it gets a 404 in JSON, never the other application's web page.
    """
    under, elsewhere = Under(app, base), NotHere(base)
    found: list[BaseRoute] = [Route(base + path, under) for path in PATHS]
    missed = [*(base + path for path in LOOKED_FOR), *((*PATHS, *LOOKED_FOR) if base else ())]
    return [*found, *(Route(path, elsewhere) for path in missed)]
