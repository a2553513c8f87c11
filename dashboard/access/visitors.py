"""Who is the owner and who a visitor: decided here and nowhere else, by the connection and not by what it claims."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from dashboard.access.password import SIGNED_IN
from model.common.errors import VitrineError

MARK = "x-vitrine-visitor"  # tells a session what `standing` said of its connection; nobody else can send it
HERE = "here"  # a page of this server, opened on the machine that it runs on
OURS = "ours"  # a page of this server, opened anywhere
OTHER = ""  # another site's page, or nothing that can be told
LOCAL_OWNER = "VITRINE_LOCAL_OWNER"
# What proxies say of those behind them, by the names that they have for it. No browser sends any of these.
FORWARDED = re.compile(rb".*(forward|original).*|via|(.*-)?(ip|clientip|remote-addr|external-address)")
USUAL_PORTS = (":80", ":443")  # a browser leaves them out


class LocalOwnerError(VitrineError, ValueError):
    """A setting with a typo; the message says what would be right."""


@dataclass(frozen=True)
class Visitor:
    """Somebody at a page: where the page was opened, and the token that a password was exchanged for."""

    standing: str = OTHER
    token: str = ""

    @property
    def owner(self) -> bool:
        """Asked anew each time: who signs out is a visitor at once."""
        return (self.standing == HERE and is_local_owner()) or self.signed_in

    @property
    def signed_in(self) -> bool:
        """Whether a password makes this one the owner."""
        return self.standing != OTHER and SIGNED_IN.holds(self.token)


def is_shared() -> bool:
    """Whether the page has a public link: then everybody's connection comes from this machine."""
    return os.environ.get("VITRINE_SHARE", "0") not in ("", "0")


def is_local_owner() -> bool:
    """Whether somebody is the owner by visiting from this machine. Raises LocalOwnerError."""
    given = os.environ.get(LOCAL_OWNER, "1")
    if given not in ("", "0", "1"):
        raise LocalOwnerError(f"{LOCAL_OWNER} is {given!r}; it can be 1, or 0 to ask this machine for the password too")
    return given != "0" and not is_shared()


def standing(scope: Scope, names: Collection[str] = ()) -> str:
    """HERE, OURS or OTHER for a request. names: those that the server is known by, besides localhost and addresses.

    A header can only take rights away: what a proxy hands on is never from this machine, whatever it says; and a page
    of another site, or of a name that somebody made lead here, has no standing at all.
    """
    host = only(scope, b"host")
    if not host or not is_own_page(scope, host):
        return OTHER
    return HERE if is_this_machine(scope) and is_known(host, names) else OURS


def is_this_machine(scope: Scope) -> bool:
    """Whether the other end of a connection is on this machine: at a loopback address, or at the very address that it
    connected to. Nobody else can have that one."""
    peer, own = address(scope.get("client")), address(scope.get("server"))
    if peer is None or any(FORWARDED.fullmatch(name) for name, _ in scope["headers"]):
        return False
    return peer.is_loopback or peer == own


def address(end: tuple[str, int | None] | None) -> IPv4Address | IPv6Address | None:
    """The address of one end of a connection; an IPv4 one as such, however it was written."""
    try:
        found = ip_address(end[0].partition("%")[0] if end else "")
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_own_page(scope: Scope, host: str) -> bool:
    """Whether a request was made by a page of this server, or by no page: browsers say whose page it was."""
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    own = {bare(host), bare(only(scope, b"x-forwarded-host"))} - {""}
    return all(bare(origin.partition("://")[2]) in own for origin in origins)


def is_known(host: str, names: Collection[str]) -> bool:
    """Whether a Host is one that nobody else can make lead here: localhost, an address, or a name of the server."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    try:
        return bool(ip_address(name))
    except ValueError:
        return name == "localhost" or name in {known.lower() for known in names}


def only(scope: Scope, wanted: bytes) -> str:
    """The value of a header that stands there once; empty otherwise."""
    values = [value.decode("latin-1").strip() for name, value in scope["headers"] if name == wanted]
    return values[0] if len(values) == 1 else ""


def bare(host: str) -> str:
    """A host in the one form that two of them can be compared in."""
    port = next((port for port in USUAL_PORTS if host.endswith(port)), "")
    return host.lower().removesuffix(port)


class Marked:
    """Tells the session behind a connection, in a header, what `standing` says of it."""

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            mark = MARK.encode()
            headers = [pair for pair in scope["headers"] if pair[0].lower() != mark]
            if scope["type"] == "websocket":
                headers.append((mark, standing(scope, self.names).encode()))
            scope = {**scope, "headers": headers}
        await self.app(scope, receive, send)
