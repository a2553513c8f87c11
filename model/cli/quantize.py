"""`python -m model quantize`: convert a network to int8 and report what that changes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model.export.quantization import QuantizationReport


def quantize(
    model: Annotated[str, typer.Option(help="A model's name, or a bundle's folder.")] = "default",
    data: Annotated[
        Path | None,
        typer.Option(help="A data set: its training pictures set the ranges, its test pictures are for measuring."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Save the int8 file here; its name ends in .tflite.")] = None,
    limit: Annotated[int, typer.Option("--most", min=0, help="How many differing pictures to list at most.")] = 20,
) -> None:
    """Convert a network to int8 again and compare: accuracy, size, and the pictures on which the two disagree."""
    from model.common.errors import BundleError
    from model.datasets.splits import DataError
    from model.export.quantization import compare_with_int8

    if out is not None and out.suffix != ".tflite":
        raise typer.BadParameter(f"{out} should end in .tflite")
    said = list[str]()
    try:
        with tempfile.TemporaryDirectory() as folder:
            report = compare_with_int8(model, data, out or Path(folder) / "model-int8.tflite", said.append)
    except (BundleError, DataError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    for sentence in said:
        typer.echo(sentence, err=True)
    for line in report_lines(report, limit):
        typer.echo(line)


def report_lines(report: QuantizationReport, limit: int) -> list[str]:
    """Return the lines that the command prints.

    Args:
        report: The comparison.
        limit: The maximum number of differing pictures to list.
    """
    found = [
        f"{report.model} ({engine}): {report.bytes[engine] / 1000:,.0f} KB, accuracy "
        + ", ".join(f"{figures.accuracy:.2%} on {title}" for title, figures in report.figures[engine].items())
        for engine in ("keras", "int8")
    ]
    smaller = 1 - report.bytes["int8"] / report.bytes["keras"]
    found.append(f"the int8 file is {smaller:.0%} smaller")
    found.append(f"they disagree on {len(report.differing):,} of {report.pictures:,} test pictures")
    for item in report.differing[:limit]:
        found.append(
            f"  picture {item.index:>5} ({item.label}): keras {item.first.label} {item.first.probability:.1%}, "
            f"int8 {item.second.label} {item.second.probability:.1%}"
        )
    if len(report.differing) > limit:
        found.append(f"  and {len(report.differing) - limit:,} more (--most {len(report.differing)} lists all)")
    return found
