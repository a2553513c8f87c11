"""What the command lines of this package share."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="cifar-10-batches-py folder, or a folder with one sub-folder a class; none: download CIFAR-10."
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A recipe value: epochs=5, optimizer.learning_rate=0.003.")
]


def fail(error: BaseException) -> typer.Exit:
    """Say what was wrong in one line; raise what this returns."""
    text = str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = f" at {error.filename}" if error.filename else ""
        text = f"the disk is full{where}; make room, then go on with --resume: what was saved so far is whole"
    typer.echo(f"error: {text}", err=True)
    return typer.Exit(1)
