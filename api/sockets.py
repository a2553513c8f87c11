"""The server's socket, or one for each of its workers on the same port."""

from __future__ import annotations

import socket
import sys

from model.common.errors import VitrineError

# Only Linux spreads connections over the sockets that listen on one port. Elsewhere all workers wait on one socket, and
# whoever wakes up first takes all connections that are there.
_SPREADS = sys.platform == "linux"


class ListenError(VitrineError, ValueError):
    """The server cannot listen on an address; the message says why."""


def listen(host: str, port: int) -> socket.socket:
    """Open a socket on the host's first address.

    Args:
        host: The host.
        port: The port; 0 takes a free one.

    Raises:
        ListenError: The address cannot be used.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:
        why = str(getattr(error, "strerror", None) or error).partition(" (")[0]  # what follows says the address again
        raise ListenError(f"cannot listen on {host}, port {port}: {why}") from error


def reserve(listener: socket.socket) -> socket.socket:
    """Return what keeps the port of a listening socket for `listen_beside`; the socket itself is used up."""
    if not _SPREADS:
        return listener
    address, family = listener.getsockname(), listener.family
    listener.close()
    reserved = socket.socket(family)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        reserved.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    # It never listens: connections go to those that do. Others could take the port meanwhile if it had SO_REUSEADDR.
    try:
        reserved.bind(address)
    except OSError:  # connections of an earlier server are still closing
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(address)
    return reserved


def listen_beside(reserved: socket.socket) -> socket.socket:
    """Return the listening socket of one worker on a port that was reserved."""
    if not _SPREADS:
        return reserved
    return socket.create_server(reserved.getsockname()[:2], family=reserved.family, reuse_port=True)


def url_of(listener: socket.socket) -> str:
    """Return the URL of a socket for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
