"""`python -m model known`: let a network recognize pictures of none of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from model.cli.terminal import fail, spinner


def known(
    name: Annotated[str, typer.Argument(help="A model's name, or a bundle's folder.")],
    data: Annotated[Path, typer.Option(help="The data set that it was trained on.")],
    other: Annotated[
        Path | None, typer.Option(help="A folder of pictures of none of the classes, to measure with.")
    ] = None,
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
    """Let a network say when a picture is probably none of its classes. Networks trained here can already."""
    from model.common.errors import BundleError
    from model.datasets.splits import DataError
    from model.export.known import fit_bundle
    from model.registry.card import KNOWN_FILE

    said = list[str]()
    try:
        with spinner("Computing features of training pictures"):
            card, figures = fit_bundle(name, data, validation, other, said.append)
    except (BundleError, DataError, OSError) as error:
        fail(error)
    for sentence in said:
        typer.echo(sentence, err=True)
    assert card.known is not None
    kept = f", {card.files[KNOWN_FILE].bytes / 1000:,.0f} KB" if KNOWN_FILE in card.files else ""
    typer.echo(f"{card.name} recognizes unknown pictures by {card.known.method}{kept}")
    for method, found in figures.items():
        typer.echo(
            f"  {method:<12} AUROC {found.auroc:.3f}, {found.false_positives:.1%} of {found.others:,} other pictures "
            f"pass where 95 % of {found.known:,} held-out ones do"
        )
