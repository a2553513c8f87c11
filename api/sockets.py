"""The socket that is listened on, and how many connections a process may hold."""

from __future__ import annotations

import socket
import sys

MOST_OPEN = 65536  # files and connections; a usual limit of 1,024 is less than a thousand idle clients need


class ListenError(ValueError):
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


def allow_many_connections() -> None:
    """Raise this process's limit of open files as far as it may itself."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
