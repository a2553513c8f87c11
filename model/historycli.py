"""The command line of the history: the answers that were kept."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from model.cli import app, fail, printable


@app.command()
def history(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, the oldest first.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Delete all of them; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """List the answers that were kept, the newest first: VITRINE_HISTORY=1 keeps them."""
    from model import history as kept
    from model.bundle import BundleError

    try:
        if forget:
            if not yes:
                typer.confirm("Delete every kept answer?", abort=True)
            typer.echo(f"deleted {kept.forget()} answers")
        elif as_json:
            typer.echo(json.dumps(list(kept.export()), indent=2))
        else:
            for answer in kept.list_answers():
                when = datetime.fromtimestamp(answer.time).strftime("%Y-%m-%d %H:%M")
                verdict = {True: "  right", False: f"  it is {answer.truth}", None: ""}[answer.right]
                share = answer.probabilities[answer.label]
                typer.echo(f"{when}  {answer.model:<16} {printable(answer.label)} {share:.1%}{printable(verdict)}")
    except BundleError as error:
        fail(error)
