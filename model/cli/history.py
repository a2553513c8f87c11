"""The command line of the history: the answers that were kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any

import typer

from model.cli.main import app, fail, terminal_text


@app.command()
def history(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, the oldest first.")] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Write a ZIP file with the judged pictures, a folder for each right class.")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Delete all of them; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """List the answers that were kept, the newest first: VITRINE_HISTORY=1 keeps them."""
    from model.common.errors import BundleError
    from model.history import prediction_log as kept

    try:
        if forget:
            if not yes:
                typer.confirm("Delete every kept answer?", abort=True)
            typer.echo(f"deleted {kept.forget()} answers")
        elif pictures:
            write_pictures(pictures)
        elif as_json:
            print_json(kept.export())
        else:
            for answer in kept.each_answer(newest_first=True):
                when = datetime.fromtimestamp(answer.time).strftime("%Y-%m-%d %H:%M")
                verdict = {True: "  right", False: f"  it is {answer.truth}", None: ""}[answer.right]
                share = answer.probabilities[answer.label]
                typer.echo(
                    f"{when}  {answer.model:<16} {terminal_text(answer.label)} {share:.1%}{terminal_text(verdict)}"
                )
    except BundleError as error:
        fail(error)


def print_json(records: Iterator[dict[str, Any]]) -> None:
    """Print one array, object by object as they come."""
    opening = "["
    for record in records:
        typer.echo(f"{opening}\n{indent(json.dumps(record, indent=2), '  ')}", nl=False)
        opening = ","
    typer.echo("[]" if opening == "[" else "\n]")


def write_pictures(path: Path) -> None:
    """The judged pictures as a ZIP file; an existing file is not overwritten. Raises BundleError."""
    from model.common.errors import BundleError
    from model.common.files import atomic_file
    from model.history.feedback import write_zip
    from model.history.prediction_log import judged_classes

    if path.exists():
        raise BundleError(f"{path} exists already; name another file or remove it")
    if not judged_classes():
        raise BundleError("nobody has said yet which answers were right; the page asks that under every answer")
    try:
        with atomic_file(path) as file:
            count = write_zip(file)
    except OSError as error:
        raise BundleError(f"{path} cannot be written: {error.strerror}") from None
    typer.echo(f"{count} pictures in {path}")
