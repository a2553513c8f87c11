"""One process that answers on a socket."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from api.process import allow_many_connections, give_large_memory_back

SHUTDOWN_SECONDS = 30  # to finish requests after SIGTERM


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Answer until this process is told to end, and finish what is in flight.

    Args:
        app: The API.
        listener: A socket that listens.
    """
    allow_many_connections()
    give_large_memory_back()
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS)
    uvicorn.Server(config).run(sockets=[listener])
