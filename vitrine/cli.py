"""The commands of `vitrine`, and where each of them is implemented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import Parameter, signature
from typing import Any

import typer


def _add_run(app: typer.Typer) -> None:
    """Add `vitrine run`, the page; options it does not know go to Streamlit."""
    from vitrine.page import run

    app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(run)


def _add_predict(app: typer.Typer) -> None:
    """Add `vitrine predict`, the same as `python -m model predict`."""
    from model.cli.main import predict

    app.command("predict")(predict)


def _add_batch(app: typer.Typer) -> None:
    """Add `vitrine batch`, the same as `python -m model batch`."""
    from model.cli.batch import batch

    app.command("batch")(batch)


def _add_train(app: typer.Typer) -> None:
    """Add `vitrine train`, the same as `python -m training fit`, and `vitrine train sweep`.

    Typer lists a command that has others of its own after those that have none.
    """
    from training.cli.main import fit
    from training.cli.sweep import sweep
    from training.engine.process_environment import prepare_process

    @wraps(fit)
    def train(context: typer.Context, **given: Any) -> None:
        prepare_process()
        if not context.invoked_subcommand:
            fit(**given)

    asked = Parameter("context", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    known = signature(fit, eval_str=True)
    train.__signature__ = known.replace(parameters=[asked, *known.parameters.values()])  # type: ignore[attr-defined]
    train.__annotations__ = {"context": typer.Context} | fit.__annotations__
    group = typer.Typer()
    group.callback(invoke_without_command=True)(train)
    group.command("sweep")(sweep)
    app.add_typer(group, name="train")


def add_teach(app: typer.Typer) -> None:
    """`vitrine teach`: as `python -m training teach`."""
    from training.cli.teach import teach

    app.command("teach")(teach)


def add_api(app: typer.Typer) -> None:
    """`vitrine api`: as `python -m api`."""
    from api.__main__ import SETTINGS, serve

    app.command("api", epilog=SETTINGS)(serve)


# Name -> the function that adds the command.
COMMANDS: dict[str, Callable[[typer.Typer], None]] = {
    "run": _add_run,
    "predict": _add_predict,
    "batch": _add_batch,
    "teach": add_teach,
    "api": add_api,
    "train": _add_train,
}


def build_app(words: Sequence[str]) -> typer.Typer:
    """Build the app that understands `words`; it imports only the modules of the requested command."""
    app = typer.Typer(
        help="Show what an image classifier sees: on a page, on the command line and over HTTP; and train one.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # a single command is still called by its name
    asked = words[0] if words else ""
    for name in [asked] if asked in COMMANDS else COMMANDS:
        COMMANDS[name](app)
    return app
