"""The application, to serve alone or inside the dashboard."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from api.headers import Guarded, api_headers
from api.inference import Inference
from api.limits import Bodies, Token
from api.metrics import Measured, Metrics
from api.problems import handle_problems
from api.routes import router
from api.settings import Settings
from model.inference.pool import POOL, Pool

ABOUT = (
    "What an image classifier sees, over HTTP. An error is JSON with a sentence in `error`; `/api/health` has `status`."
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Warm the default model up in a thread; at the end let the threads finish what they have."""
    inference: Inference = app.state.inference
    threading.Thread(target=inference.warm_up, name="warm-up", daemon=True).start()
    yield
    inference.threads.shutdown(wait=True)
    inference.loaders.shutdown(wait=False, cancel_futures=True)


def create_app(settings: Settings, pool: Pool = POOL) -> FastAPI:
    """The API with these settings over the networks of `pool`."""
    # Its documentation page brings its scripts along: it works without the internet, and tells no third party.
    app: FastAPI = FastAPIOffline(
        title="Vitrine",
        description=ABOUT,
        version="1",
        lifespan=lifespan,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
        swagger_ui_oauth2_redirect_url="/api/docs/oauth2-redirect",
        static_url="/api/docs/files",
    )
    app.state.inference = inference = Inference(settings, pool)
    app.state.metrics = metrics = Metrics(lambda: inference.inside)
    handle_problems(app)
    app.include_router(router)
    # Each is put around those before it.
    app.add_middleware(Bodies, settings=settings)
    if settings.api_token:
        app.add_middleware(Token, token=settings.api_token.get_secret_value())
    if settings.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.origins, allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    app.add_middleware(Measured, metrics=metrics)
    app.add_middleware(Guarded, wanted=api_headers)
    return app
