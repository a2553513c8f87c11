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


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Warm the network up in a thread, so that the page shows meanwhile."""
    from dashboard.resources import warm_up

    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield {}


try:
    api = create_app(read_settings())
except SettingsError as error:
    sys.exit(str(error))
for line in unknown_variables():
    print(line, file=sys.stderr)
app = st.App(Path(__file__).with_name("main.py"), routes=routes(api), lifespan=lifespan)
