"""The command line of the classifier: predict, and the store."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from model.common.text import printable
from model.inference.prediction import to_record

if TYPE_CHECKING:
    from rich.console import Console

    from model.cli.batch import Ask, Asked

app = typer.Typer(
    help="Classify pictures and keep models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
TEXT_TOP_K, PLOT_TOP_K = 3, 5  # classes a line and a picture where nobody asked for a number
VERDICTS = {"unsure": ", perhaps none of the classes", "unknown": ", probably none of the classes"}
MOST_PLOTTED = 200  # files on one sheet


def fail(error: Exception | str) -> NoReturn:
    typer.echo(f"error: {terminal_text(str(error))}", err=True)
    raise typer.Exit(1)


def terminal_text(text: str) -> str:
    """Text from outside, such as a file's name, for a terminal: nothing in it is obeyed."""
    encoding = sys.stdout.encoding or "utf-8"
    return printable(text).encode(encoding, "replace").decode(encoding)


@app.command()
def predict(
    files: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    model: Annotated[str | None, typer.Option(help="A model's name or a bundle's folder.")] = None,
    engine: Annotated[str | None, typer.Option(help="keras or int8; int8 starts at once.")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="How many classes to show.")] = None,
    category_names: Annotated[
        Path | None, typer.Option(help="A file of class names: one a line, CSV, or JSON by place, label or number.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array, an object a file.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Save the pictures with bars of their classes here.")] = None,
    url: Annotated[str | None, typer.Option(help="Ask a running server, such as http://localhost:8501.")] = None,
) -> None:
    """Classify pictures. The exit status is 1 if any file failed; the others are answered all the same."""
    from model.cli.batch import ask_all, expand, renamed
    from model.common.errors import BundleError
    from model.datasets.class_name_files import NamesError, read_names
    from model.inference.http_client import ServerError

    try:
        asker = asker_for(model, engine, url)
        if category_names:
            asker = renamed(asker, read_names(category_names), tell_once())
    except (BundleError, NamesError, ServerError, ValueError) as error:
        fail(error)
    answers: list[Asked] = []
    paths = expand(files)
    try:
        for answer in watched(ask_all(paths, asker), len(paths)):
            kept = plot is not None and len(answers) < MOST_PLOTTED
            answers.append(answer if kept else dataclasses.replace(answer, content=b""))
            if not as_json:
                show_line(answer, top_k)
    except KeyboardInterrupt:
        typer.echo(f"stopped after {len(answers)} of {len(paths)} files", err=True)
    if as_json:
        records = [to_record(str(answer.file), answer.prediction, answer.error, top_k) for answer in answers]
        typer.echo(json.dumps(records, indent=2))
    saved = save(answers, top_k or PLOT_TOP_K, plot) if plot else True
    if not saved or len(answers) < len(paths) or any(answer.prediction is None for answer in answers):
        raise typer.Exit(1)


def tell_once() -> Callable[[str], None]:
    """Says a sentence on stderr, however often it is given."""
    said: set[str] = set()

    def tell(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            typer.echo(terminal_text(sentence), err=True)

    return tell


def asker_for(model: str | None, engine: str | None, url: str | None) -> Ask:
    """Whom to ask. Raises BundleError or ValueError for a network that cannot be loaded, ServerError for a bad URL."""
    from model.cli.batch import kept, local, remote
    from model.common.settings import history_enabled
    from model.inference.classifier import Classifier
    from model.inference.http_client import predict_url

    if url:
        return remote(predict_url(url, model, engine))
    keep = history_enabled()
    classifier = Classifier.load(model or "default", engine)
    return kept(classifier) if keep else local(classifier)


def watched(answers: Iterable[Asked], total: int) -> Iterator[Asked]:
    """The same, with a bar on the terminal for more than one file; nothing where stderr is not a terminal."""
    from rich.progress import Progress

    console = terminal()
    # The lines printed meanwhile stand above the bar where both go to the terminal, and stay apart where they do not.
    bar = Progress(
        console=console,
        transient=True,
        disable=total < 2 or not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        yield from bar.track(answers, total, description="Classifying")


@contextmanager
def waiting(work: str) -> Iterator[None]:
    """A sign of life on the terminal while something takes seconds."""
    console = terminal()
    with console.status(work) if console.is_terminal else nullcontext():
        yield


def terminal() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def show_line(answer: Asked, top_k: int | None) -> None:
    """One file's answer on stdout, or why it has none on stderr."""
    name = terminal_text(str(answer.file))
    if answer.prediction is None:
        typer.echo(f"{name}: {terminal_text(answer.error)}", err=True)
        return
    scores = answer.prediction.top(top_k or TEXT_TOP_K)
    said = ", ".join(f"{terminal_text(score.label)} {score.probability:.1%}" for score in scores)
    note, score = answer.prediction.note, answer.prediction.known_score
    known = "" if score is None else f"; known {score:.0%}" + VERDICTS.get(answer.prediction.verdict, "")
    typer.echo(f"{name}: {said}{known}" + (f" ({terminal_text(note)})" if note else ""))


def save(answers: Sequence[Asked], top_k: int, path: Path) -> bool:
    """Draw the answers into a picture file; returns whether that went well."""
    from model.cli.plot import Plotted, save_plot

    cards = [
        Plotted(answer.file.name, answer.content, answer.prediction)
        for answer in answers[:MOST_PLOTTED]
        if answer.prediction is not None
    ]
    if not cards:
        typer.echo(f"{path} is not written: there is no answer to draw", err=True)
        return False
    try:
        save_plot(cards, top_k, path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a name that ends in .png, .jpg or .webp would do"
        typer.echo(f"error: {path} cannot be written: {reason}", err=True)
        return False
    if len(answers) > MOST_PLOTTED:
        typer.echo(f"{path} shows the first {MOST_PLOTTED} files", err=True)
    return True
