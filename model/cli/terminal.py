"""The terminal: errors on it, and signs of life."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NoReturn

import typer

from model.common.text import printable

if TYPE_CHECKING:
    from rich.console import Console


def fail(error: Exception | str) -> NoReturn:
    """Print an error and exit with status 1."""
    typer.echo(f"error: {terminal_text(str(error))}", err=True)
    raise typer.Exit(1)


def terminal_text(text: str) -> str:
    """Make untrusted text, such as the name of a file, harmless for the terminal."""
    encoding = sys.stdout.encoding or "utf-8"
    return printable(text).encode(encoding, "replace").decode(encoding)


@contextmanager
def spinner(work: str) -> Iterator[None]:
    """Show on the terminal that something is going on."""
    terminal = console()
    with terminal.status(work) if terminal.is_terminal else nullcontext():
        yield


def console() -> Console:
    """Return the terminal that stderr may be."""
    from rich.console import Console

    return Console(stderr=True)
