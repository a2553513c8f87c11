"""Mount the API inside another application: at the root, or below the path that a reverse proxy uses."""

from __future__ import annotations

from http import HTTPStatus

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import problem_response, shorten

PATHS = ("/predict", "/metrics", "/api", "/api/{rest:path}")
# Where a monitor may look for a server's health; the page would answer 200 there, as it does everywhere.
_COMMON_HEALTH_PATHS = ("/health", "/healthz", "/livez", "/readyz", "/{before:path}/api/health")


def base_path(given: str | None) -> str:
    """Normalize a path as the prefix of addresses: `vitrine` and `/vitrine/` become `/vitrine`; no path stays empty."""
    path = (given or "").strip("/")
    return f"/{path}" if path else ""


def relative_path(scope: Scope) -> str:
    """Return the requested path without the prefix of the whole server."""
    path: str = scope["path"]
    base: str = scope.get("root_path", "")
    return path[len(base) :] if base and path.startswith(f"{base}/") else path


class _MountedApp:
    """An application below a path."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self.app, self.base = app, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application with the path as its root."""
        await self.app({**scope, "root_path": scope.get("root_path", "") + self.base}, receive, send)


class _NotFoundApp:
    """Answers 404 where a program may look for the API, and says where it is."""

    def __init__(self, base: str) -> None:
        self.base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404."""
        docs = f"{scope.get('root_path', '')}{self.base}/api/docs"
        sentence = f"there is nothing at {shorten(scope['path'])}; {docs} lists what there is"
        await problem_response(HTTPStatus.NOT_FOUND, sentence)(scope, receive, send)


def api_routes(app: ASGIApp, base: str = "") -> list[BaseRoute]:
    """Return the API as routes of another application, which keeps all other addresses.

    Addresses at which a program may look for the API in vain get a 404 in JSON, not the other application's web page.

    Args:
        app: The API.
        base: A path, as `base_path` returns it.
    """
    mounted, not_found = _MountedApp(app, base), _NotFoundApp(base)
    found: list[BaseRoute] = [Route(base + path, mounted) for path in PATHS]
    missed = [*(base + path for path in _COMMON_HEALTH_PATHS), *((*PATHS, *_COMMON_HEALTH_PATHS) if base else ())]
    return [*found, *(Route(path, not_found) for path in missed)]
