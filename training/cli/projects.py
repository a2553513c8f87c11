"""The commands `python -m training projects`, `projects rename`, `projects rm` and `projects export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.common.errors import BundleError
from model.common.files import atomic_file
from training.cli.arguments import fail
from training.projects.archive import write_zip
from training.projects.schema import ProjectError
from training.projects.shelf import (
    Removed,
    list_projects,
    open_project,
    remove_project,
    restore_project,
)

app = typer.Typer(help="The projects of taught classes, the newest first.", invoke_without_command=True)
NameArgument = Annotated[str, typer.Argument(help="A project.")]


@app.callback()
def show(context: typer.Context) -> None:
    """List the projects, the one that changed last first."""
    if context.invoked_subcommand:
        return
    for name in list_projects():
        try:
            counts = [f"{entry.name} {entry.count}" for entry in open_project(name).classes()]
        except ProjectError as error:
            counts = [str(error)]
        typer.echo(f"{name:<28} {', '.join(counts)}")


@app.command("rename")
def rename(name: NameArgument, new: Annotated[str, typer.Argument(help="Its new name.")]) -> None:
    """Give a project another name. Its network keeps the old one."""
    from training.teach.bundle import rename_with_networks

    try:
        rename_with_networks(name, new)
    except (ProjectError, BundleError) as error:
        raise fail(error) from None


@app.command("rm")
def remove(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take a project off the list. Its network stays; `restore` brings the project back for a day."""
    try:
        open_project(name)
        if not yes:
            typer.confirm(f"Remove the project {name!r}?", abort=True)
        removed = remove_project(name)
    except (ProjectError, BundleError) as error:
        raise fail(error) from None
    typer.echo(f"removed; python -m training projects restore {removed.folder.name} brings it back")


@app.command("restore")
def restore(stamp: Annotated[str, typer.Argument(help="What `rm` printed.")]) -> None:
    """Bring a removed project back."""
    try:
        restore_project(Removed.of(stamp))
    except (ProjectError, BundleError) as error:
        raise fail(error) from None


@app.command("export")
def export(name: NameArgument, file: Annotated[Path, typer.Argument(help="The ZIP file to write.")]) -> None:
    """Write a project's pictures and settings as a ZIP file, which `teach --zip` reads."""
    try:
        if file.exists():
            raise ProjectError(f"{file} exists already; name another file or remove it")
        project = open_project(name)
        with atomic_file(file) as whole:
            write_zip(project, whole)
    except (ProjectError, BundleError, OSError) as error:
        raise fail(error) from None
    typer.echo(f"{file} ({file.stat().st_size / 1e6:.1f} MB)")
