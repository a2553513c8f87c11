"""What `predict` prints while it works: a line a file, JSON lines, or one JSON array."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from textwrap import indent
from threading import Thread
from typing import TYPE_CHECKING

import typer

from model.cli.terminal import terminal_text
from model.inference.prediction import to_record

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from model.cli.predict_files import FileResult

_TOP_K = 3  # classes in a line where nobody asked for a number
_VERDICTS = {"unsure": ", perhaps none of the classes", "unknown": ", probably none of the classes"}


def print_line(result: FileResult, top_k: int | None) -> None:
    """Print one file's answer on stdout, or why it has none on stderr."""
    name = terminal_text(str(result.file))
    if result.prediction is None:
        typer.echo(f"{name}: {terminal_text(result.error)}", err=True)
        return
    scores = result.prediction.top(top_k or _TOP_K)
    classes = ", ".join(f"{terminal_text(score.label)} {score.probability:.1%}" for score in scores)
    note, score = result.prediction.note, result.prediction.known_score
    known = "" if score is None else f"; known {score:.0%}" + _VERDICTS.get(result.prediction.verdict, "")
    typer.echo(f"{name}: {classes}{known}" + (f" ({terminal_text(note)})" if note else ""))


def print_json_line(result: FileResult, top_k: int | None) -> None:
    """Print one file's answer, or its error, as a line of JSON."""
    typer.echo(json.dumps(to_record(str(result.file), result.prediction, result.error, top_k)))


class JsonArray:
    """One JSON array on stdout, printed object by object; it ends properly, however early that is."""

    def __enter__(self) -> JsonArray:
        self._opening = "["
        return self

    def print(self, result: FileResult, top_k: int | None) -> None:
        """Print one file's answer, or its error."""
        record = to_record(str(result.file), result.prediction, result.error, top_k)
        typer.echo(f"{self._opening}\n{indent(json.dumps(record, indent=2), '  ')}", nl=False)
        self._opening = ","

    def __exit__(self, *_error: object) -> None:
        typer.echo("[]" if self._opening == "[" else "\n]")


def with_progress_bar(
    results: Iterable[FileResult], files: Callable[[], Iterable[Path]], console: Console
) -> Iterator[FileResult]:
    """Yield the same results, with a bar on the terminal; nothing where stderr is not a terminal.

    files: finds them once more, to be counted beside the work: the answers do not wait until all have been found.
    """
    if not console.is_terminal:
        yield from results
        return
    from rich.progress import Progress

    # The lines printed meanwhile stand above the bar where both go to the terminal, and stay apart where they do not.
    with Progress(console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task("Classifying", total=None)

        def count() -> None:
            bar.update(task, total=sum(1 for _file in files()))

        Thread(target=count, name="counting", daemon=True).start()
        for result in results:
            yield result
            bar.advance(task)
