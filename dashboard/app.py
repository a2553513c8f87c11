"""The server: the pages and the HTTP routes in one process with one loaded network.

Started by `streamlit run dashboard/app.py`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from api.addresses import api_routes, base_path
from api.app import create_app
from api.headers import HeadersMiddleware
from api.process import allow_many_connections, give_large_memory_back
from dashboard.access import visitors
from dashboard.access.sign_in import sign_in_routes
from dashboard.services import content_security_policy
from dashboard.services.ngrok_tunnel import public_link
from dashboard.teaching.routes import teaching_routes
from model.common.errors import SettingError
from model.common.settings import read_settings, unknown_variables


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Warm up in a thread: the page's network, and the API's if it is another. Meanwhile the page is shown."""
    from dashboard.services.resources import warm_up

    def warm_all() -> None:
        warm_up()
        api.state.inference.warm_up()

    threading.Thread(target=warm_all, name="warm-up", daemon=True).start()
    link = public_link(own_address(), bool(settings.api_token), own_path())
    with link if visitors.is_shared() else nullcontext():
        yield {}


def own_address() -> str:
    """Return the server's address on this machine, without the path of the pages."""
    address = st.get_option("server.address")
    host = "localhost" if address in (None, "", "0.0.0.0", "::") else address
    return f"http://{f'[{host}]' if ':' in host else host}:{st.get_option('server.port')}"


def own_path() -> str:
    """Return the path of pages and HTTP routes, as set by --server.baseUrlPath."""
    return base_path(st.get_option("server.baseUrlPath"))


def own_names() -> set[str]:
    """Return the host names in the server's settings."""
    options = (st.get_option("server.address"), st.get_option("browser.serverAddress"))
    return {name for name in options if name}


try:
    settings = read_settings()
except SettingError as error:
    sys.exit(str(error))
for line in unknown_variables():
    print(line, file=sys.stderr)
allow_many_connections()
give_large_memory_back()
api = create_app(settings)
app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[
        *api_routes(api, own_path()),
        *sign_in_routes(own_path(), own_names()),
        *teaching_routes(own_path(), own_names()),
    ],
    lifespan=lifespan,
    middleware=[
        Middleware(HeadersMiddleware, wanted=content_security_policy.page_headers_for),
        Middleware(visitors.StandingMiddleware, names=own_names()),
    ],
)
