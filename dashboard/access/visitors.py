"""Decide who is the owner and who is a visitor, by the connection and not by what it claims."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.access.password import SESSIONS
from model.common.settings import read_settings

STANDING_HEADER = (
    "x-vitrine-visitor"  # passes the result of `classify_connection` on to the session; clients cannot send it
)
LOCAL = "here"  # a page of this server, opened on the same machine
REMOTE = "ours"  # a page of this server, opened elsewhere
FOREIGN = ""  # a page of another site, or unknown
# Headers in which proxies describe their clients. No browser sends any of these.
_FORWARDED = re.compile(rb".*(forward|original).*|via|(.*-)?(ip|clientip|remote-addr|external-address)")
_USUAL_PORTS = (":80", ":443")  # browsers omit these


@dataclass(frozen=True)
class Visitor:
    """Somebody at a page: the standing of the connection, and the session token."""

    standing: str = FOREIGN
    token: str = ""

    @property
    def owner(self) -> bool:
        """Whether this is the owner at this moment: whoever signs out is a visitor at once."""
        return (self.standing == LOCAL and is_local_owner()) or self.signed_in

    @property
    def signed_in(self) -> bool:
        """Whether this one has given the password."""
        return self.standing != FOREIGN and SESSIONS.is_valid(self.token)


def is_shared() -> bool:
    """Return whether the page has a public link: then all connections come from this machine."""
    return read_settings("share").share


def is_local_owner() -> bool:
    """Return whether visitors from this machine are the owner.

    Raises:
        SettingError: The setting has an invalid value.
    """
    settings = read_settings("local_owner", "share")
    return settings.local_owner and not settings.share


def classify_connection(scope: Scope, names: Collection[str] = ()) -> str:
    """Return LOCAL, REMOTE or FOREIGN for a request.

    A header can only take rights away: whatever comes through a proxy is never local, and a page of another site, or of
    a host name that points here without our knowledge, is foreign.

    Args:
        scope: The ASGI scope.
        names: Host names of this server besides localhost and addresses.
    """
    host = _single_header(scope, b"host")
    if not host or not _is_own_page(scope, host):
        return FOREIGN
    return LOCAL if _is_this_machine(scope) and _is_known(host, names) else REMOTE


def _is_this_machine(scope: Scope) -> bool:
    """Return whether the client is on this machine: a loopback address, or the very address it connected to."""
    peer, own = _address(scope.get("client")), _address(scope.get("server"))
    if peer is None or any(_FORWARDED.fullmatch(name) for name, _ in scope["headers"]):
        return False
    return peer.is_loopback or peer == own


def _address(end: tuple[str, int | None] | None) -> IPv4Address | IPv6Address | None:
    """Return the address of one end of a connection; mapped IPv4 addresses as IPv4."""
    try:
        found = ip_address(end[0].partition("%")[0] if end else "")
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_own_page(scope: Scope, host: str) -> bool:
    """Return whether the request comes from a page of this server, or from no page, according to the Origin header."""
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    own = {_normalize_host(host), _normalize_host(_single_header(scope, b"x-forwarded-host"))} - {""}
    return all(_normalize_host(origin.partition("://")[2]) in own for origin in origins)


def _is_known(host: str, names: Collection[str]) -> bool:
    """Return whether a Host cannot be made to point here by others: localhost, an address, or a name of this server."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        return bool(ip_address(name))
    except ValueError:
        return name == "localhost" or name in {known.lower() for known in names}


def _single_header(scope: Scope, wanted: bytes) -> str:
    """Return the value of a header that occurs exactly once, else ""."""
    values = [value.decode("latin-1").strip() for name, value in scope["headers"] if name == wanted]
    return values[0] if len(values) == 1 else ""


def _normalize_host(host: str) -> str:
    """Return a host in lower case without a default port."""
    port = next((port for port in _USUAL_PORTS if host.endswith(port)), "")
    return host.lower().removesuffix(port)


class StandingMiddleware:
    """Passes the result of `classify_connection` on to the session in a header."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] in ("http", "websocket"):
            mark = STANDING_HEADER.encode()
            headers = [pair for pair in scope["headers"] if pair[0].lower() != mark]
            if scope["type"] == "websocket":
                headers.append((mark, classify_connection(scope, self.names).encode()))
            scope = {**scope, "headers": headers}
        await self.app(scope, receive, send)
