"""python -m api: the classifier over HTTP, without the pages."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
import uvicorn

from api.app import create_app
from api.process import allow_many_connections, give_large_memory_back
from api.settings import SettingsError, read_settings, settings_table, unknown_variables
from api.sockets import ListenError, listen, url_of
from model.common.errors import BundleError
from model.inference.pool import choose

SHUTDOWN_SECONDS = 30  # for what is in flight at SIGTERM
SETTINGS = "Settings from the environment:\n\n\b\n" + "\n".join(
    f"{name}  {meaning} [{default}]" for name, meaning, default in settings_table()
)
command = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@command.command(epilog=SETTINGS)
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that answers when a request names none: a name or a path.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="keras or int8.")] = None,
) -> None:
    """Serve the classifier over HTTP, without the pages. Options win over the environment."""
    try:
        settings = read_settings(host=host, port=port, model=model, engine=engine)
        choose(settings.model, engine, settings.engine, paths=True)
        listener = listen(settings.host, settings.port)
    except (SettingsError, BundleError, ListenError) as error:
        sys.exit(str(error))
    for line in unknown_variables():
        print(line, file=sys.stderr)
    allow_many_connections()
    give_large_memory_back()
    print(f"{url_of(listener)}, described at {url_of(listener)}/api/docs", flush=True)
    config = uvicorn.Config(
        create_app(settings), log_level="warning", access_log=False, timeout_graceful_shutdown=SHUTDOWN_SECONDS
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    command(prog_name="python -m api")
