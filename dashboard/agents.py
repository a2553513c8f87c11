"""ngrok's agents on this machine: those that an earlier Vitrine left behind are ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from pyngrok import ngrok
from pyngrok.exception import PyngrokError

PORTS = range(4040, 4050)  # an agent's own API takes the first of them that is free
OURS = re.compile(r"vitrine-(\d{1,9})")
PATIENCE = 2.0  # seconds for an agent on this machine to answer
FAILURES = (PyngrokError, OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True)
class Tunnel:
    """A tunnel of this program: its agent's API and process, and the local address that it leads to."""

    api: str
    name: str
    agent: int
    upstream: str


def tunnel_name(agent: int) -> str:
    """Says whose it is, and which process holds it."""
    return f"vitrine-{agent}"


def tunnels_of_ours() -> Iterator[Tunnel]:
    """Every tunnel on this machine that is named as ours are; what else answers on those ports is passed over."""
    for port in PORTS:
        api = f"http://127.0.0.1:{port}"
        with contextlib.suppress(*FAILURES):
            found = ngrok.api_request(f"{api}/api/tunnels", timeout=PATIENCE)["tunnels"]
            for tunnel in found:
                if match := OURS.fullmatch(tunnel["name"]):
                    yield Tunnel(api, tunnel["name"], int(match[1]), tunnel["config"]["addr"])


def close_stale(own: str) -> int:
    """End the tunnels of ours that lead to `own`, or to a server that has gone, with their agents; returns how many."""
    stale = [tunnel for tunnel in tunnels_of_ours() if tunnel.upstream == own or not answers(tunnel.upstream)]
    for tunnel in stale:
        with contextlib.suppress(*FAILURES):
            ngrok.api_request(f"{tunnel.api}/api/tunnels/{quote(tunnel.name)}", "DELETE", timeout=PATIENCE)
        # A plan counts agents, too: one that holds nothing any more would still be in the way.
        if is_agent(tunnel.agent):
            with contextlib.suppress(OSError):
                os.kill(tunnel.agent, signal.SIGTERM)
    return len(stale)


def answers(url: str) -> bool:
    """Whether somebody listens at a local address."""
    try:
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname or "", parts.port or 80), PATIENCE):
            return True
    except (OSError, ValueError):
        return False


def is_agent(process: int) -> bool:
    """Whether a process runs ngrok: a number in a tunnel's name is only somebody's word."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except OSError:  # gone, or a system without /proc, where the agent ends when it finds nobody to write to
        return False
    return any(word.rpartition(b"/")[2].startswith(b"ngrok") for word in words[:2])
