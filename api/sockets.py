"""The socket that is listened on."""

from __future__ import annotations

import socket

from model.common.errors import VitrineError


class ListenError(VitrineError, ValueError):
    """An address that cannot be listened on; the message says why."""


def listen(host: str, port: int) -> socket.socket:
    """A socket on the host's first address; port 0 takes a free one. Raises ListenError."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:
        why = str(getattr(error, "strerror", None) or error).partition(" (")[0]  # what follows says the address again
        raise ListenError(f"cannot listen on {host}, port {port}: {why}") from error


def url_of(listener: socket.socket) -> str:
    """Where a browser on this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
