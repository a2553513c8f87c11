"""The server: the pages and the HTTP routes in one process with one loaded network.

Started by `streamlit run dashboard/app.py`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from api.app import create_app, routes
from api.settings import SettingsError, read_settings, unknown_variables
from api.sockets import allow_many_connections


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Warm up in a thread, so that the page shows meanwhile: the page's network, and the API's if it is another."""
    from dashboard.resources import warm_up

    def warm_all() -> None:
        warm_up()
        api.state.inference.warm_up()

    threading.Thread(target=warm_all, name="warm-up", daemon=True).start()
    yield {}


try:
    api = create_app(read_settings())
except SettingsError as error:
    sys.exit(str(error))
for line in unknown_variables():
    print(line, file=sys.stderr)
allow_many_connections()
app = st.App(Path(__file__).with_name("main.py"), routes=routes(api), lifespan=lifespan)
