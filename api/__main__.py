"""The command `python -m api`: serve the classifier over HTTP, without the pages."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from api.app import create_app
from api.server import serve as serve_alone
from api.sockets import ListenError, listen, url_of
from api.workers import serve_with_workers, warn_of_too_many
from model.common.errors import BundleError, SettingError
from model.common.settings import AUTO, read_settings, settings_table, unknown_variables
from model.inference.pool import choose

SETTINGS = "Settings from the environment:\n\n\b\n" + "\n".join(
    f"{name}  {meaning} [{default}]" for name, meaning, default in settings_table(api_only=True)
)
command = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@command.command(epilog=SETTINGS)
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that answers if a request names none: a name or a path.")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="keras, int8, or auto: by accuracy.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that answer behind the one port.")] = None,
) -> None:
    """Serve the classifier over HTTP, without the pages. Options take precedence over the environment."""
    try:
        settings = read_settings(host=host, port=port, model=model, engine=engine, workers=workers)
        choose(settings.model, None if engine == AUTO else engine, settings.engine, paths=True)
        listener = listen(settings.host, settings.port)
    except (SettingError, BundleError, ListenError) as error:
        sys.exit(str(error))
    for line in (*unknown_variables(), warn_of_too_many(settings.workers)):
        if line:
            print(line, file=sys.stderr)
    url = url_of(listener)
    if settings.workers > 1:
        serve_with_workers(settings, listener, lambda: _say(url))
    else:
        _say(url)
        serve_alone(create_app(settings), listener)


def _say(url: str) -> None:
    print(f"{url}, described at {url}/api/docs", flush=True)


if __name__ == "__main__":
    command(prog_name="python -m api")
