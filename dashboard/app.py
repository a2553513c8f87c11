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

from api.addresses import base_path, routes
from api.app import create_app
from api.headers import Guarded
from api.process import allow_many_connections, give_large_memory_back
from api.settings import SettingsError, read_settings, unknown_variables
from dashboard.access import visitors
from dashboard.access.sign_in import sign_in_routes
from dashboard.services import content_security_policy
from dashboard.services.ngrok_tunnel import public_link


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Warm up in a thread, so that the page shows meanwhile: the page's network, and the API's if it is another."""
    from dashboard.services.resources import warm_up

    def warm_all() -> None:
        warm_up()
        api.state.inference.warm_up()

    threading.Thread(target=warm_all, name="warm-up", daemon=True).start()
    link = public_link(own_address(), settings.api_token is not None, own_path())
    with link if visitors.is_shared() else nullcontext():
        yield {}


def own_address() -> str:
    """Where this server is reached on this machine, without the path that its pages stand under."""
    address = st.get_option("server.address")
    host = "localhost" if address in (None, "", "0.0.0.0", "::") else address
    return f"http://{f'[{host}]' if ':' in host else host}:{st.get_option('server.port')}"


def own_path() -> str:
    """The path that pages and HTTP routes stand under, as by --server.baseUrlPath."""
    return base_path(st.get_option("server.baseUrlPath"))


def own_names() -> set[str]:
    """The names that this server is known by, as its settings say."""
    options = (st.get_option("server.address"), st.get_option("browser.serverAddress"))
    return {name for name in options if name}


try:
    settings = read_settings()
    content_security_policy.page_headers()
    visitors.is_local_owner()
except (SettingsError, content_security_policy.EmbedError, visitors.LocalOwnerError) as error:
    sys.exit(str(error))
for line in unknown_variables():
    print(line, file=sys.stderr)
allow_many_connections()
give_large_memory_back()
api = create_app(settings)
app = st.App(
    Path(__file__).with_name("main.py"),
    routes=[*routes(api, own_path()), *sign_in_routes(own_path(), own_names())],
    lifespan=lifespan,
    middleware=[
        Middleware(Guarded, wanted=content_security_policy.page),
        Middleware(visitors.StandingMiddleware, names=own_names()),
    ],
)
