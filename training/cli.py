"""The command line of the training toolkit."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training import runs_cli
from training.commands import DataOption, SetOption, fail

if TYPE_CHECKING:
    from training.history import Run
    from training.series import Member

app = typer.Typer(help="Train and measure image classifiers.", no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(runs_cli.app, name="runs")
BoardOption = Annotated[bool, typer.Option("--tensorboard", help="Write TensorBoard's logs into the run's folder too.")]


@app.command()
def fit(
    recipe: Annotated[str, typer.Option(help="A shipped recipe's name, or a .toml file.")] = "fast",
    data: DataOption = None,
    settings: SetOption = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run and of its bundle; otherwise the recipe and the time.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run of that name, or the newest, after its last finished epoch."),
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Train with so many seeds; prints mean and spread.")] = 1,
    tensorboard: BoardOption = False,
) -> None:
    """Train a recipe: a run that grows epoch by epoch, and a bundle at the end. Ctrl-C keeps the best weights."""
    from model.bundle import BundleError, check_name
    from model.data import DataError
    from training import series
    from training.history import RunError, own_runs, resumable, unused
    from training.recipe import RecipeError, load_recipe

    if seeds > 1:
        try:
            chosen = load_recipe(recipe, tuple(settings or ()))
            members = series.seeds(chosen, check_name(name or chosen.name), seeds)
        except (RecipeError, BundleError) as error:
            raise fail(error) from None
        finished = run_series(members, data, tensorboard)
        typer.echo("\n".join([*series.table(finished), *series.summary(finished)]))
        return
    try:
        if resume:
            title = resumable(check_name(name) if name else None).name
            recipe = str(own_runs() / title / "recipe.toml")
        chosen = load_recipe(recipe, tuple(settings or ()))
        if not resume:
            title = unused(check_name(name or f"{chosen.name}-{datetime.now():%Y%m%d-%H%M%S}"))
        train(series.Member(title, chosen), data, resume, tensorboard)
    except (RecipeError, DataError, BundleError, RunError) as error:
        raise fail(error) from None


def train(member: Member, data: Path | None, resume: bool, tensorboard: bool) -> None:
    """One run, read and trained; ends the command with a line when it cannot be done."""
    from training.launch import launch, read_data

    dataset = read_data(member.recipe, data, typer.echo)
    try:
        outcome = launch(member.recipe, dataset, member.name, resume, typer.echo, tensorboard)
    except (RuntimeError, OSError) as error:
        raise fail(error) from None
    except KeyboardInterrupt:
        raise fail(RuntimeError("stopped; what was saved so far goes on with --resume")) from None
    report(outcome.bundle)


def report(bundle: Path) -> None:
    from model.bundle import read_card

    card = read_card(bundle)
    for title, figures in card.accuracy.items():
        typer.echo(f"{title}: accuracy {figures['keras']:.2%}, int8 {figures['int8']:.2%}")
    typer.echo(f"bundle {bundle} ({sum(entry.bytes for entry in card.files.values()) / 1e6:.1f} MB)")


def run_series(members: list[Member], data: Path | None, tensorboard: bool) -> list[Run]:
    """Bring several runs to their end; ends the command with a line when one cannot be done."""
    from model.bundle import BundleError
    from model.data import DataError
    from training.history import RunError
    from training.recipe import RecipeError
    from training.series import complete

    try:
        return complete(members, lambda member, resume: train(member, data, resume, tensorboard))
    except (RecipeError, DataError, BundleError, RunError) as error:
        raise fail(error) from None


@app.command()
def ablate(
    name: Annotated[str, typer.Argument(help="A shipped ablation: vgg3.")],
    data: DataOption = None,
    settings: SetOption = None,
    tensorboard: BoardOption = False,
) -> None:
    """Train the variants of a network one after another and compare them; goes on where it was stopped."""
    from training.recipe import RecipeError
    from training.series import ablation, table

    try:
        members = ablation(name, tuple(settings or ()))
    except RecipeError as error:
        raise fail(error) from None
    for line in table(run_series(members, data, tensorboard)):
        typer.echo(line)


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="A bundle's name or path.")] = "default",
    data: DataOption = None,
    engine: Annotated[str, typer.Option(help="keras or int8.")] = "keras",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure a bundle on the test pictures of a data set, one plain view a picture."""
    from model.bundle import BundleError
    from model.classifier import Classifier
    from model.data import DataError, load_test
    from model.evaluation import evaluate as measure

    try:
        classifier = Classifier.load(model, engine)
        name, classes, split = load_test(data, classifier.card.input_size)
        if classes != classifier.card.classes:
            raise DataError(
                f"the data's classes are {', '.join(classes)}; the model's are {', '.join(classifier.card.classes)}"
            )
        whole, *parts = measure(classifier.probabilities, name, split, classes).items()
    except (BundleError, DataError, ValueError) as error:
        raise fail(error) from None
    if as_json:
        subsets = {f"first_{part.n}": {"n": part.n, "accuracy": part.accuracy} for _, part in parts}
        answer = {"model": classifier.card.name, "engine": engine, **asdict(whole[1]), "subsets": subsets}
        typer.echo(json.dumps(answer))
        return
    typer.echo(f"{classifier.card.name} ({engine})")
    for title, result in [whole, *parts]:
        typer.echo(f"{title}: accuracy {result.accuracy:.2%}, calibration error {result.ece:.2%}, n {result.n:,}")
    for label, share in sorted(whole[1].per_class.items(), key=lambda item: item[1]):
        typer.echo(f"  {label:<12} {share:.1%}")


@app.command()
def recipes() -> None:
    """List the shipped recipes with what they reached."""
    from training.recipe import load_recipe, recipe_names
    from training.series import measured

    for name in recipe_names():
        recipe, run = load_recipe(name), measured(name)
        figures = [f"{values['keras']:.2%} on {title}" for title, values in run.accuracy.items()] if run else []
        typer.echo(f"{name:<16} {recipe.description}")
        typer.echo(" " * 17 + (f"measured: {', '.join(figures)}" if figures else "not measured yet"))
        if recipe.reported:
            typer.echo(" " * 17 + f"reported by its source: {recipe.reported}")
