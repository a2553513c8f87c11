"""python -m training teach: a network for your own classes, from folders of pictures."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.i18n.translations import gettext as _
from training.cli.arguments import fail

if TYPE_CHECKING:
    from training.projects.project import Outcome, Project
    from training.teach.advice import Advice
    from training.teach.learn import Taught
    from training.teach.versions import VersionComparison

_SHOWN_FILES = 5  # names a line


def teach(
    folder: Annotated[Path | None, typer.Argument(help="A folder with a folder of pictures for each class.")] = None,
    name: Annotated[
        str, typer.Option(help="Name of the project and its network; otherwise the folder's, or the newest project's.")
    ] = "",
    zip_file: Annotated[
        Path | None, typer.Option("--zip", help="A ZIP file with a folder of pictures for each class.")
    ] = None,
    add: Annotated[
        tuple[str, Path],
        typer.Option("--add", metavar="CLASS FOLDER", help="Add a folder's pictures to one class.", show_default=False),
    ] = ("", Path()),
    careful: Annotated[
        float | None,
        typer.Option(help="The share of your own pictures that must not be called none of these, 0.5 to 0.99."),
    ] = None,
) -> None:
    """Teach a network your own classes; it answers under its name everywhere. Called again, it goes on.

    The pictures are kept under VITRINE_HOME/teach, and each is looked at once.
    """
    from model.common.errors import BundleError
    from training.projects.schema import ProjectError
    from training.projects.shelf import list_projects, open_or_create, open_project, remove_project
    from training.teach.backbone import load_backbone
    from training.teach.bundle import check_model_name, keep_model
    from training.teach.learn import TeachError
    from training.teach.teach import set_careful
    from training.teach.teach import teach as learn
    from training.teach.versions import compare_with_earlier

    try:
        name = _find_name(folder, zip_file, name)
        check_model_name(name, name)
        known = name in list_projects()
        project = open_or_create(name) if folder or zip_file else open_project(name)
        try:
            _fill(project, folder, zip_file, add)
        except (BundleError, ProjectError, OSError):
            if not known and project.revision == 0:  # else it would be the newest project, which --add goes on with
                remove_project(name)
            raise
        if careful is not None:
            set_careful(project, careful)
        counts = [f"{entry.name} {entry.count}" for entry in project.classes()]
        typer.echo(f"{project.name}: {sum(entry.count for entry in project.classes())} pictures ({', '.join(counts)})")
        taught = learn(project, _progress("looking at pictures"))
        _print_report(project, taught, compare_with_earlier(project, taught, load_backbone()))
        card = keep_model(project, taught, load_backbone(), project.name, _print_stage(project.name))
    except (BundleError, ProjectError, TeachError, OSError) as error:
        raise fail(error) from None
    sizes = ", ".join(f"{file} {entry.bytes / 1e6:.1f} MB" for file, entry in card.files.items())
    typer.echo(f"model {card.name}: {sizes}")


def _find_name(folder: Path | None, zip_file: Path | None, name: str) -> str:
    """Return the name of the project that is meant. Raises ProjectError or BundleError."""
    from model.common.errors import BundleError
    from model.registry.card import check_name
    from training.projects.schema import ProjectError
    from training.projects.shelf import list_projects

    source = folder or zip_file
    if source and not source.exists():
        raise ProjectError(_("{path} does not exist").format(path=source))
    if source and not name:
        name = source.resolve().name if source.is_dir() else source.stem  # a folder's name may have a dot
        try:
            check_name(name)
        except BundleError as error:
            raise ProjectError(_("{reason}; --name gives the project another").format(reason=error)) from None
    name = name or next(iter(list_projects()), "")
    if not name:
        raise ProjectError(_("there is no project yet; give a folder with a folder of pictures for each class"))
    return name


def _fill(project: Project, folder: Path | None, zip_file: Path | None, add: tuple[str, Path]) -> None:
    """Put the pictures of all sources into a project, and say what was left out."""
    from training.projects.archive import add_class_folder, add_folder, add_zip

    outcomes: list[Outcome] = []
    if folder:
        outcomes += add_folder(project, folder)
    if zip_file:
        outcomes += add_zip(project, zip_file)
    label, more = add
    if label:
        outcomes += add_class_folder(project, label, more)
    counts = Counter(outcome.status for outcome in outcomes)
    if outcomes:
        typer.echo(f"{counts['added']} pictures added, {counts['known']} known already, {counts['refused']} left out")
    for outcome in outcomes:
        if outcome.status == "refused":
            typer.echo(f"  {outcome.name}: {outcome.reason}", err=True)


def _progress(title: str) -> Callable[[int, int], None]:
    """Say on a terminal how far the work is."""

    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty() and total:
            typer.echo(f"\r{title}: {done} of {total}" + ("\n" if done == total else ""), err=True, nl=False)

    return tell


def _print_report(project: Project, taught: Taught, compared: VersionComparison | None) -> None:
    from training.teach.advice import advise

    names = {picture.id: f"{picture.label}/{picture.name}" for picture in project.pictures()}
    typer.echo(f"learnt in {taught.report.seconds:.1f} s")
    for advice in advise(taught.report, compared):
        typer.echo(("! " if advice.level == "warning" else "  ") + advice.text + _files(advice, names))


def _files(advice: Advice, names: dict[int, str]) -> str:
    """The files that a sentence is about, as its end."""
    if not advice.ids:
        return ""
    shown = [names[number] for number in advice.ids[:_SHOWN_FILES] if number in names]
    return f" ({', '.join(shown)}{', …' if len(advice.ids) > _SHOWN_FILES else ''})"


def _print_stage(name: str) -> Callable[[str], None]:
    def tell(stage: str) -> None:
        if stage == "float":
            typer.echo(f"{name} answers now; its int8 file takes a moment longer")

    return tell
