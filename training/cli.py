"""The command line of the training toolkit."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from model.quiet import quiet

app = typer.Typer(help="Train and measure image classifiers.", no_args_is_help=True, pretty_exceptions_enable=False)
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="cifar-10-batches-py folder, or a folder with one sub-folder a class; none: download CIFAR-10."
    ),
]


def fail(error: Exception) -> typer.Exit:
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(1)


@app.command()
def fit(
    recipe: Annotated[str, typer.Option(help="A shipped recipe's name, or a .toml file.")] = "fast",
    data: DataOption = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A recipe value: epochs=5, optimizer.learning_rate=0.003.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run and of its bundle; otherwise the recipe and the time.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run of that name, or the newest, after its last finished epoch."),
    ] = False,
) -> None:
    """Train a recipe: a run that grows epoch by epoch, and a bundle at the end. Ctrl-C keeps the best weights."""
    from model.bundle import BundleError, check_name
    from model.home import home
    from training.data import DataError, load_dataset
    from training.history import RunError, own_runs, resumable, unused
    from training.recipe import RecipeError, load_recipe

    try:
        if resume:
            title = resumable(check_name(name) if name else None).name
            recipe = str(own_runs() / title / "recipe.toml")
        chosen = load_recipe(recipe, tuple(settings or ()))
        if not resume:
            title = unused(check_name(name or f"{chosen.name}-{datetime.now():%Y%m%d-%H%M%S}"))
        held = chosen.data
        dataset = load_dataset(data, chosen.model.input_size, held.validation, held.test, held.seed)
    except (RecipeError, DataError, BundleError, RunError) as error:
        raise fail(error) from None
    counts = f"{len(dataset.train):,} training, {len(dataset.validation):,} validation, {len(dataset.test):,} test"
    typer.echo(f"{dataset.name}: {counts} pictures, {len(dataset.classes)} classes")

    with quiet():
        from training.callbacks import TrainingError
        from training.fit import fit as train

    typer.echo(f"run {own_runs() / title}")
    try:
        outcome = train(chosen, dataset, own_runs() / title, home() / "bundles" / title, resume, typer.echo)
    except (TrainingError, OSError) as error:
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
    from training.data import DataError, load_test
    from training.evaluation import evaluate as measure

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
    """List the shipped recipes."""
    from training.recipe import load_recipe, recipe_names

    for name in recipe_names():
        typer.echo(f"{name:<16} {load_recipe(name).description}")


@app.command()
def runs() -> None:
    """List the runs: yours, newest first, then the shipped ones."""
    from training.history import list_runs

    for run in list_runs():
        figures = f"{len(run.history):>4} epochs  best val. accuracy {run.best_val_accuracy:.1%}  {run.minutes:.1f} min"
        typer.echo(f"{run.name:<28} {run.status:<12} {figures}")
