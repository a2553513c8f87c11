"""python -m model quantize: the int8 file of a network, and what it changes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model.export.quantization import Twins


def quantize(
    model: Annotated[str, typer.Option(help="A model's name, or a bundle's folder.")] = "default",
    data: Annotated[
        Path | None,
        typer.Option(help="A data set: its training pictures set the ranges, its test pictures measure."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Keep the int8 file here; its name ends in .tflite.")] = None,
    most: Annotated[int, typer.Option(min=0, help="So many differing pictures are listed at most.")] = 20,
) -> None:
    """Make a network's int8 file anew, and compare the two: accuracy, size, and pictures on which they disagree."""
    from model.common.errors import BundleError
    from model.datasets.splits import DataError
    from model.export.quantization import compare_with_int8

    if out is not None and out.suffix != ".tflite":
        raise typer.BadParameter(f"{out} should end in .tflite")
    try:
        with tempfile.TemporaryDirectory() as folder:
            twins = compare_with_int8(model, data, out or Path(folder) / "model-int8.tflite")
    except (BundleError, DataError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    for line in lines(twins, most):
        typer.echo(line)


def lines(twins: Twins, most: int) -> list[str]:
    """What the command prints."""
    found = [
        f"{twins.model} ({engine}): {twins.bytes[engine] / 1000:,.0f} KB, accuracy "
        + ", ".join(f"{figures.accuracy:.2%} on {title}" for title, figures in twins.figures[engine].items())
        for engine in ("keras", "int8")
    ]
    smaller = 1 - twins.bytes["int8"] / twins.bytes["keras"]
    found.append(f"the int8 file is {smaller:.0%} smaller")
    found.append(f"they disagree on {len(twins.differing):,} of {twins.pictures:,} test pictures")
    for item in twins.differing[:most]:
        found.append(
            f"  picture {item.index:>5} ({item.label}): keras {item.first.label} {item.first.probability:.1%}, "
            f"int8 {item.second.label} {item.second.probability:.1%}"
        )
    if len(twins.differing) > most:
        found.append(f"  and {len(twins.differing) - most:,} more (--most {len(twins.differing)} lists all)")
    return found
