"""`python -m model sets`: lets a network say which classes a picture's true one is among."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.terminal import fail, spinner


def sets(
    name: Annotated[str, typer.Argument(help="A model's name, or a bundle's folder.")],
    data: Annotated[Path, typer.Option(help="The data set that it was trained on.")],
    validation: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=0.9,
            help="The share that the training held back, where the data has no validation pictures; "
            "otherwise what its run says, or 0.1.",
        ),
    ] = None,
) -> None:
    """Fit a network's prediction sets: the classes that the true one is among in 95 % of cases."""
    from model.common.errors import BundleError
    from model.datasets.splits import DataError
    from model.export.sets import fit_bundle_sets

    said = list[str]()
    try:
        with spinner("Asking about held-out pictures"):
            card = fit_bundle_sets(name, data, validation, said.append)
    except (BundleError, DataError, OSError) as error:
        fail(error)
    for sentence in said:
        typer.echo(sentence, err=True)
    assert card.sets is not None
    typer.echo(f"{card.name} has prediction sets of {card.sets.coverage:.0%}, fitted on {card.sets.n:,} pictures")
    for title, figures in card.sets.measured.items():
        for engine in (engine for engine in figures if f"{engine} classes" in figures):
            typer.echo(
                f"  {title} ({engine}): the true class is in {figures[engine]:.1%} of them, "
                f"{figures[f'{engine} classes']:.2f} classes each"
            )
