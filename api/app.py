"""The application, to run alone or inside the dashboard."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from api.headers import HeadersMiddleware, api_headers
from api.inference import Inference
from api.limits import BodyLimitMiddleware, TokenMiddleware
from api.metrics import Metrics, MetricsMiddleware
from api.problems import handle_problems
from api.routes import router
from api.teach import router as teach_router
from model.common.settings import Settings
from model.inference.pool import POOL, Pool

_ABOUT = (
    "What an image classifier sees, over HTTP. An error is JSON with a sentence in `error`; `/api/health` has `status`."
)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Warm up the default model in a thread; at the end, let the threads finish their work."""
    inference: Inference = app.state.inference
    threading.Thread(target=inference.warm_up, name="warm-up", daemon=True).start()
    yield
    inference.many.shutdown(wait=True)
    for threads in (inference.threads, inference.few):
        threads.shutdown(wait=True)
    inference.loaders.shutdown(wait=False, cancel_futures=True)


def create_app(settings: Settings, pool: Pool = POOL) -> FastAPI:
    """Create the API.

    Args:
        settings: The settings.
        pool: The loaded networks.
    """
    # The documentation page includes its scripts: it works without the internet and contacts no third party.
    app: FastAPI = FastAPIOffline(
        title="Vitrine",
        description=_ABOUT,
        version="1",
        lifespan=lifespan,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
        swagger_ui_oauth2_redirect_url="/api/docs/oauth2-redirect",
        static_url="/api/docs/files",
    )
    app.state.metrics = metrics = Metrics()
    app.state.inference = Inference(settings, pool, metrics)
    handle_problems(app)
    app.include_router(router)
    app.include_router(teach_router)
    # Each is put around those before it.
    app.add_middleware(BodyLimitMiddleware, settings=settings)
    if settings.api_token:
        app.add_middleware(TokenMiddleware, token=settings.api_token)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(settings.cors), allow_methods=["GET", "POST"], allow_headers=["*"]
        )
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.add_middleware(HeadersMiddleware, wanted=api_headers)
    return app
