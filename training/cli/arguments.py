"""What the commands of this package share: options and errors."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from model.i18n.translations import gettext as _

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="A cifar-10-batches-py folder, or one with a sub-folder for each class; by default, download CIFAR-10.",
    ),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A recipe value: epochs=5, optimizer.learning_rate=0.003.")
]
NamesOption = Annotated[
    Path | None,
    typer.Option("--category-names", help='Names of the classes: one on each line, or JSON by folder ({"1": "rose"}).'),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Refuse data with pictures that cannot be read, instead of leaving them out.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, gpu, or gpu:all for all GPUs of this machine.")]
RayOption = Annotated[
    str | None,
    typer.Option("--ray", help="A Ray cluster that trains the runs side by side, such as auto; local starts one here."),
]
CoresOption = Annotated[
    int | None, typer.Option("--cpus-per-run", min=1, help="Cores of each run with --ray; by default all of a node's.")
]


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turn errors that the user can correct into one line and exit status 1."""
    from model.common.errors import BundleError
    from model.common.ray_cluster import ClusterError
    from model.datasets.class_name_files import NamesError
    from model.datasets.splits import DataError
    from training.engine.launch import DeviceError
    from training.recipes.recipe import RecipeError
    from training.runs.run_files import RunError

    try:
        yield
    except (RecipeError, DataError, BundleError, RunError, NamesError, DeviceError, ClusterError, OSError) as error:
        raise fail(error) from None


def fail(error: BaseException) -> typer.Exit:
    """Print an error in one line, and return the exception that ends the command."""
    text = str(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        full = _("the disk is full; make room, then continue with --resume: what was saved so far is complete")
        text = f"{full} ({error.filename})" if error.filename else full
    elif isinstance(error, OSError) and error.filename and error.strerror:
        text = _("{path} cannot be used: {reason}").format(path=error.filename, reason=error.strerror)
    typer.echo(f"error: {text}", err=True)
    return typer.Exit(1)
