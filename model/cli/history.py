"""`python -m model history`: the saved answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any

import typer

from model.cli.main import app
from model.cli.terminal import fail, terminal_text


@app.command()
def history(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, the oldest first.")] = False,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Write a ZIP file with the pictures that have feedback, a folder for each class."),
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Delete all of them, after a question.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """List the saved answers, the newest first. VITRINE_HISTORY=1 saves them."""
    from model.common.errors import BundleError
    from model.history import prediction_log as kept
    from model.inference.unknown import UNKNOWN

    try:
        if forget:
            if not yes:
                typer.confirm("Delete all saved answers?", abort=True)
            count = kept.delete_all_answers()
            typer.echo(f"deleted {count} {'answer' if count == 1 else 'answers'}")
        elif pictures:
            _write_pictures(pictures)
        elif as_json:
            _print_json(kept.export_answers())
        else:
            for answer in kept.iterate_answers(newest_first=True):
                when = datetime.fromtimestamp(answer.time).strftime("%Y-%m-%d %H:%M")
                verdict = {True: "  right", False: f"  it is {answer.truth}", None: ""}[answer.right]
                share = answer.probabilities[answer.label]
                label = f"none? like {answer.label}" if answer.verdict == UNKNOWN else answer.label
                typer.echo(f"{when}  {answer.model:<16} {terminal_text(label)} {share:.1%}{terminal_text(verdict)}")
    except BundleError as error:
        fail(error)


def _print_json(records: Iterator[dict[str, Any]]) -> None:
    """Print one JSON array, object by object."""
    opening = "["
    for record in records:
        typer.echo(f"{opening}\n{indent(json.dumps(record, indent=2), '  ')}", nl=False)
        opening = ","
    typer.echo("[]" if opening == "[" else "\n]")


def _write_pictures(path: Path) -> None:
    """Write the pictures with feedback into a new ZIP file.

    Raises:
        BundleError: The file exists or cannot be written, or there is no feedback.
    """
    from model.common.errors import BundleError
    from model.common.files import atomic_file
    from model.history.feedback import write_zip
    from model.history.prediction_log import judged_classes

    if path.exists():
        raise BundleError(f"{path} exists already; name another file or remove it")
    if not judged_classes():
        raise BundleError("nobody has said yet which answers were right; the page asks for that below every answer")
    try:
        with atomic_file(path) as file:
            count = write_zip(file)
    except OSError as error:
        raise BundleError(f"{path} cannot be written: {error.strerror}") from None
    typer.echo(f"{count} {'picture' if count == 1 else 'pictures'} in {path}")
