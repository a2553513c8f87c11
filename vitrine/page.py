"""The command `vitrine run`: serve the page, as `streamlit run dashboard/app.py` does in the repository."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from model.common.extras import NotInstalled, require

ROOT = Path(__file__).parent.parent
_CAPITAL = re.compile("(?=[A-Z])")
# Streamlit's settings: in the wheel, and in the repository.
SETTINGS = (Path(__file__).parent / "streamlit" / "config.toml", ROOT / ".streamlit" / "config.toml")


def run(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "localhost",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    share: Annotated[bool, typer.Option("--share", help="Open a public link, too; ngrok's token is needed.")] = False,
) -> None:
    """Serve the page and the HTTP routes. Other options go to Streamlit, such as --server.baseUrlPath=vitrine."""
    try:
        require("page")
    except NotInstalled as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    from streamlit.web import cli

    from model.images.decoder import MAX_BYTES

    given = ["--server.address", host, "--server.port", str(port)]
    if share:
        os.environ["VITRINE_SHARE"] = "1"
        given += ["--server.maxUploadSize", str(MAX_BYTES // 2**20)]  # visitors add no networks
    for name, value in settings():
        os.environ.setdefault(name, value)
    cli.main(["run", str(ROOT / "dashboard" / "app.py"), *given, *context.args], prog_name="streamlit")


def settings() -> Iterator[tuple[str, str]]:
    """Yield the page's Streamlit settings as environment variables, so that they apply in any folder."""
    path = next(path for path in SETTINGS if path.is_file())
    return variables("STREAMLIT", tomllib.loads(path.read_text("utf-8")))


def variables(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each value of a nested table with its variable: `server.maxUploadSize` is SERVER_MAX_UPLOAD_SIZE."""
    for key, value in table.items():
        name = f"{prefix}_{_CAPITAL.sub('_', key).upper()}"
        if isinstance(value, Mapping):
            yield from variables(name, value)
        else:
            yield name, str(value)
