"""The commands of `vitrine`, and which part of the project each of them is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import typer


def add_run(app: typer.Typer) -> None:
    """`vitrine run`: the page. What it does not know itself is Streamlit's to know."""
    from vitrine.page import run

    app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run)


def add_predict(app: typer.Typer) -> None:
    """`vitrine predict`: as `python -m model predict`."""
    from model.cli.main import predict

    app.command("predict")(predict)


def add_train(app: typer.Typer) -> None:
    """`vitrine train`: as `python -m training fit`."""
    from training.cli.main import fit
    from training.engine.process_environment import prepare_process

    @wraps(fit)
    def train(**given: Any) -> None:
        prepare_process()
        fit(**given)

    app.command("train")(train)


def add_api(app: typer.Typer) -> None:
    """`vitrine api`: as `python -m api`."""
    from api.__main__ import SETTINGS, serve

    app.command("api", epilog=SETTINGS)(serve)


# Name -> what adds the command. A new command is a function above and a line here.
COMMANDS: dict[str, Callable[[typer.Typer], None]] = {
    "run": add_run,
    "predict": add_predict,
    "train": add_train,
    "api": add_api,
}


def build_app(words: Sequence[str]) -> typer.Typer:
    """The app that understands `words`. A command's modules are imported where it is the one that was asked for."""
    app = typer.Typer(
        help="Show what an image classifier sees: on a page, on the command line and over HTTP; and train one.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # one command alone is still called by its name
    asked = words[0] if words else ""
    for name in [asked] if asked in COMMANDS else COMMANDS:
        COMMANDS[name](app)
    return app
