"""The server: the pages in one process with one loaded network. Started by `streamlit run dashboard/app.py`."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Warm the network up in a thread, so that the page shows meanwhile."""
    from dashboard.resources import warm_up

    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield {}


app = st.App(Path(__file__).with_name("main.py"), lifespan=lifespan)
