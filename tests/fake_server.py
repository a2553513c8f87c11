"""A server that gives one answer to everything, and remembers what it was asked."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

GOOD = {
    "success": True,
    "file": "picture",
    "predicted_class": "1",
    "index": 1,
    "predictions": [
        {"label": "cat", "index": 0, "probability": 0.25},
        {"label": "dog", "index": 1, "probability": 0.75},
    ],
    "model": "mine",
    "engine": "int8",
    "milliseconds": 2.5,
}


class Stand(HTTPServer):
    """Gives one answer to every request and remembers what was asked."""

    status, answer, moved = 200, json.dumps(GOOD).encode(), ""
    asked: list[tuple[str, dict[str, str], bytes]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Stand

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.moved:
            self.send_header("Location", self.server.moved)
        self.end_headers()
        self.wfile.write(self.server.answer)

    do_GET = do_POST  # what a redirected POST becomes

    def log_message(self, *_: Any) -> None:
        pass
