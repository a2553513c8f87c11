"""What the command lines of this package share."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from model.i18n.translations import gettext as _
from training.runs.data_provenance import RunContext, read_context

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="cifar-10-batches-py folder, or a folder with one sub-folder a class; none: download CIFAR-10."
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A recipe value: epochs=5, optimizer.learning_rate=0.003.")
]
NamesOption = Annotated[
    Path | None,
    typer.Option("--category-names", help='Names of the classes: one a line, or JSON by folder ({"1": "rose"}).'),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Stop at pictures that cannot be read, instead of leaving them out.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or gpu.")]


@dataclass(frozen=True)
class Surroundings:
    """What a run needs besides its recipe."""

    data: Path | None
    category_names: Path | None = None
    tensorboard: bool = False
    strict: bool = False

    @property
    def origin(self) -> RunContext:
        """Where the pictures come from, to be written beside the run."""
        return RunContext(*(str(path.resolve()) if path else "" for path in (self.data, self.category_names)))

    def as_begun(self, folder: Path) -> Surroundings:
        """What is not given is as the run in `folder` was begun."""
        known = read_context(folder) or RunContext()
        data = self.data or (Path(known.data) if known.data else None)
        names = self.category_names or (Path(known.category_names) if known.category_names else None)
        return replace(self, data=data, category_names=names)


@contextmanager
def plain_errors() -> Iterator[None]:
    """What a user can put right ends the command with one line, and what was saved stays."""
    from model.common.errors import BundleError
    from model.datasets.class_name_files import NamesError
    from model.datasets.splits import DataError
    from training.engine.launch import DeviceError
    from training.recipes.recipe import RecipeError
    from training.runs.run_files import RunError

    try:
        yield
    except (RecipeError, DataError, BundleError, RunError, NamesError, DeviceError, OSError) as error:
        raise fail(error) from None


def fail(error: BaseException) -> typer.Exit:
    """Say what was wrong in one line; raise what this returns."""
    text = str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        full = _("the disk is full; make room, then go on with --resume: what was saved so far is whole")
        text = f"{full} ({error.filename})" if error.filename else full
    typer.echo(f"error: {text}", err=True)
    return typer.Exit(1)
