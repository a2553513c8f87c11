"""The command line of the classifier; `predict` is here, the other commands are beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.cli.terminal import console, fail, terminal_text

if TYPE_CHECKING:
    from model.cli.predict_files import Answers, FileResult

app = typer.Typer(
    help="Classify pictures and manage models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_PLOT_TOP_K = 5  # classes beside a picture, by default
_MAX_PLOTTED = 200  # pictures in one file


@app.command()
def predict(
    files: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    model: Annotated[str | None, typer.Option(help="A model's name or a bundle's folder.")] = None,
    engine: Annotated[str | None, typer.Option(help="keras or int8; int8 starts at once.")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, help="How many classes to show.")] = None,
    category_names: Annotated[
        Path | None,
        typer.Option(help="A file of class names: one on each line, CSV, or JSON by position, label or index."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array with an object for each file.")] = False,
    as_lines: Annotated[bool, typer.Option("--jsonl", help="Print JSON lines, an object for each file.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write the answers to this file too: .jsonl, .csv or .parquet.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Save the pictures with bars of their probabilities here.")] = None,
    url: Annotated[str | None, typer.Option(help="Ask a running server, such as http://localhost:8501.")] = None,
) -> None:
    """Classify pictures. The exit status is 1 if any file failed; the others are classified all the same."""
    from model.cli.answer_files import open_answers
    from model.cli.predict_files import expand_folders, with_class_names
    from model.cli.printed_answers import JsonArray, print_json_line, print_line, with_progress_bar
    from model.common.errors import BundleError, SettingError
    from model.datasets.class_name_files import NamesError, read_names
    from model.inference.http_client import ServerError
    from model.inference.prediction import to_record

    plotted: list[FileResult] = []
    answered = failed = 0
    is_stopped = False
    try:
        answers = _choose_answers(model, engine, url, keep=plot is not None)
        if category_names:
            answers = with_class_names(answers, read_names(category_names), _log_once())
        results = answers(expand_folders(files))
        with JsonArray() if as_json else nullcontext() as array, open_answers(output) as write:
            show = array.print if array else print_json_line if as_lines else print_line
            try:
                for result in with_progress_bar(results, lambda: expand_folders(files), console()):
                    answered, failed = answered + 1, failed + (result.prediction is None)
                    show(result, top_k)
                    write(to_record(str(result.file), result.prediction, result.error))
                    if plot and len(plotted) < _MAX_PLOTTED:
                        plotted.append(result)
            except KeyboardInterrupt:
                is_stopped = True
                typer.echo(f"stopped; files answered so far: {answered:,}", err=True)
    except (BundleError, NamesError, ServerError, SettingError, ValueError) as error:
        fail(error)
    except BrokenPipeError:
        raise  # whoever reads what is printed has seen enough, such as `head`
    except OSError as error:
        what = f"{output} cannot be written" if output else "this cannot be read or written"
        fail(f"{what}: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}")
    is_saved = _save_plot(plotted, answered, top_k or _PLOT_TOP_K, plot) if plot else True
    if not is_saved or is_stopped or failed:
        raise typer.Exit(1)


def _log_once() -> Callable[[str], None]:
    """Return a function that prints each sentence on stderr once."""
    logged: set[str] = set()

    def log(sentence: str) -> None:
        if sentence not in logged:
            logged.add(sentence)
            typer.echo(terminal_text(sentence), err=True)

    return log


def _choose_answers(model: str | None, engine: str | None, url: str | None, keep: bool) -> Answers:
    """Return the function that answers files, with a local network or a server; `keep` as in `answer_locally`.

    Raises:
        BundleError: The network cannot be loaded.
        ServerError: The URL is not the address of a server.
        ValueError: There is no such engine.
    """
    from model.cli.predict_files import answer_and_save, answer_locally, answer_remotely
    from model.common.settings import read_settings
    from model.inference.classifier import Classifier
    from model.inference.http_client import predict_url

    if url:
        return answer_remotely(predict_url(url, model, engine))
    is_saved = read_settings("history").history
    classifier = Classifier.load(model or "default", engine)
    return answer_and_save(classifier) if is_saved else answer_locally(classifier, keep)


def _save_plot(results: Sequence[FileResult], files: int, top_k: int, path: Path) -> bool:
    """Draw the predictions for the first of so many files into a picture file, and return whether that worked."""
    from model.cli.plot import PlottedPicture, save_plot

    cards = [
        PlottedPicture(result.file.name, result.content, result.prediction)
        for result in results
        if result.prediction is not None
    ]
    if not cards:
        typer.echo(f"{path} was not written: there is no prediction to draw", err=True)
        return False
    try:
        save_plot(cards, top_k, path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        typer.echo(f"error: {path} cannot be written: {reason}", err=True)
        return False
    if files > _MAX_PLOTTED:
        typer.echo(f"{path} shows the first {_MAX_PLOTTED} files", err=True)
    return True
