"""A stand-in for the program ngrok: its command line, log and local API, with a tunnel that leads from port to port.

NGROK_STAND_IN says how it behaves: well (the default), `offline`, `refused`, or `silent`.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote, urlsplit

MOST_AGENTS = 3  # of the free plan
PORTS = range(4040, 4050)
AUTHENTICATION = "authentication failed: {}\\r\\n\\r\\n{}\\r\\n"
LIMITED = AUTHENTICATION.format("Your account is limited to 3 simultaneous ngrok agent sessions.", "ERR_NGROK_108")
REFUSED = AUTHENTICATION.format("The authtoken you specified does not look like one.", "ERR_NGROK_105")
OFFLINE = "failed to dial ngrok server: dial tcp: lookup connect.ngrok-agent.com: no such host"


def log(level: str, message: str, **values: str) -> None:
    told = " ".join(f'{key}="{value}"' for key, value in values.items())
    print(f't=2026-01-01T00:00:00+0000 lvl={level} msg="{message}" {told}', flush=True)


def pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):  # either end may have gone
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def forward(listener: socket.socket, upstream: str) -> None:
    """Lead every connection to the local server."""
    parts = urlsplit(upstream)
    while True:
        visitor, _ = listener.accept()
        server = socket.create_connection((parts.hostname, parts.port))
        for pair in ((visitor, server), (server, visitor)):
            threading.Thread(target=pipe, args=pair, daemon=True).start()


class Api(BaseHTTPRequestHandler):
    """/api/tunnels: list, open, close."""

    tunnels: ClassVar[dict[str, dict[str, object]]] = {}

    def answer(self, status: int, content: object = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(200, {"tunnels": list(self.tunnels.values()), "uri": "/api/tunnels"})

    def do_POST(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=forward, args=(listener, wanted["addr"]), daemon=True).start()
        name = wanted["name"]
        self.tunnels[name] = {
            "name": name,
            "uri": f"/api/tunnels/{name}",
            "public_url": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "proto": wanted["proto"],
            "config": {"addr": wanted["addr"], "inspect": True},
        }
        self.answer(201, self.tunnels[name])

    def do_DELETE(self) -> None:
        known = self.tunnels.pop(unquote(self.path.rpartition("/")[2]), None)
        self.answer(404 if known is None else 204)

    def log_message(self, *arguments: object) -> None:
        pass


def taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    if not os.environ.get("NGROK_AUTHTOKEN") or "--authtoken" in sys.argv:
        sys.exit("the token was expected in the environment, and there alone")
    mode = os.environ.get("NGROK_STAND_IN", "")
    if mode == "silent":
        time.sleep(3600)
    if mode == "offline":
        log("eror", "failed to reconnect session", obj="tunnels.session", err=OFFLINE)
        sys.exit(1)
    others = sum(taken(port) for port in PORTS)
    if mode == "refused" or others >= MOST_AGENTS:
        log("eror", "session closing", obj="tunnels.session", err=REFUSED if mode else LIMITED)
        sys.exit(1)
    port = next(port for port in PORTS if not taken(port))
    server = ThreadingHTTPServer(("127.0.0.1", port), Api)
    log("info", "starting web service", obj="web", addr=f"127.0.0.1:{port}")
    log("info", "client session established", obj="csess")
    log("info", "tunnel session started", obj="tunnels.session")
    server.serve_forever()


if __name__ == "__main__":
    main()
