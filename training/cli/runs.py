"""The commands `python -m training runs`, `runs rm`, `runs rename` and `runs stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from model.common.errors import BundleError
from model.registry.card import check_name
from training.cli.arguments import fail
from training.runs.changes import remove_run, rename_run
from training.runs.process import is_stopping, stop_run
from training.runs.run import list_runs, own_run_folder
from training.runs.run_files import RunError

app = typer.Typer(help="The runs: yours, the newest first, then the shipped ones.", invoke_without_command=True)
_NameArgument = Annotated[str, typer.Argument(help="One of your runs.")]


@app.callback()
def show(context: typer.Context) -> None:
    """List the runs: yours, the newest first, then the shipped ones."""
    if context.invoked_subcommand:
        return
    for run in list_runs():
        figures = f"{len(run.history):>4} epochs  best val. accuracy {run.best_val_accuracy:.1%}  {run.minutes:.1f} min"
        typer.echo(f"{run.name:<28} {run.status:<12} {figures}")


@app.command("rm")
def remove(
    name: _NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a run from the list. Its network stays; its folder is in the trash for a day."""
    try:
        own_run_folder(name)
        if not yes:
            typer.confirm(f"Remove the run {name!r}?", abort=True)
        trash = remove_run(name)
    except RunError as error:
        raise fail(error) from None
    typer.echo(f"removed; the folder is now {trash}")


@app.command("rename")
def rename(name: _NameArgument, new: Annotated[str, typer.Argument(help="Its new name.")]) -> None:
    """Rename a run. Its network keeps its name."""
    try:
        rename_run(name, check_name(new))
    except (RunError, BundleError) as error:
        raise fail(error) from None


@app.command("stop")
def end(
    name: _NameArgument,
    now: Annotated[
        bool, typer.Option("--now", help="End one that is stopping already at once; its network is not made.")
    ] = False,
) -> None:
    """Stop a run like Ctrl-C does: its best weights are kept, and it can continue."""
    try:
        folder = own_run_folder(name)
        stopping = is_stopping(folder)
        if not stopping or now:
            stop_run(folder)
    except RunError as error:
        raise fail(error) from None
    if stopping and now:
        typer.echo(f"{name} is ended; fit --resume --name {name} continues it from its checkpoint")
        return
    if stopping:
        typer.echo(f"{name} is stopping already, which takes a while; runs stop --now {name} ends it at once")
        return
    typer.echo(f"{name} is stopping; it keeps the best weights, and fit --resume --name {name} continues it")
