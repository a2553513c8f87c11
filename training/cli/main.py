"""The command line of the training toolkit."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from model.i18n.translations import gettext as _
from training.cli import runs as runs_cli
from training.cli.arguments import (
    DataOption,
    DeviceOption,
    NamesOption,
    SetOption,
    StrictOption,
    Surroundings,
    fail,
    plain_errors,
)

if TYPE_CHECKING:
    from training.runs.run import Run
    from training.runs.series import SeriesRun

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
    category_names: NamesOption = None,
    device: DeviceOption = "auto",
    strict: StrictOption = False,
) -> None:
    """Train a recipe: a run that grows epoch by epoch, and a bundle at the end.

    Ctrl-C keeps the best weights so far as a bundle; --resume goes on from there.
    """
    from model.common.extras import require
    from model.registry.card import check_name
    from training.engine.launch import choose_device
    from training.recipes.recipe_file import load_recipe
    from training.runs import series
    from training.runs.run import check_unused_name, find_resumable
    from training.runs.run_files import CHECKPOINT

    surroundings = Surroundings(data, category_names, tensorboard, strict)
    with plain_errors():
        require("keras")
        choose_device(device)
        if seeds > 1:
            chosen = load_recipe(recipe, tuple(settings or ()))
            finished = run_series(series.seed_series(chosen, check_name(name or chosen.name), seeds), surroundings)
            typer.echo("\n".join([*series.format_table(finished), *series.format_summary(finished)]))
            return
        if resume:
            folder = find_resumable(check_name(name) if name else None)
            surroundings = surroundings.as_begun(folder)
            recipe, name = str(folder / "recipe.toml"), folder.name
        chosen = load_recipe(recipe, tuple(settings or ()))
        title = check_name(name or f"{chosen.name}-{datetime.now():%Y%m%d-%H%M%S}")
        begun = resume and (folder / CHECKPOINT).exists()
        member = series.SeriesRun(title if resume else check_unused_name(title), chosen)
        try:
            train(member, surroundings, begun)
        except KeyboardInterrupt:
            raise fail(RuntimeError(_("stopped; what was saved so far goes on with --resume"))) from None


def train(member: SeriesRun, surroundings: Surroundings, resume: bool) -> str:
    """One run, read and trained; returns its outcome's status, or ends the command with a line if it has none."""
    from training.engine.launch import launch, read_data

    dataset = read_data(member.recipe, surroundings.data, typer.echo, surroundings.category_names, surroundings.strict)
    try:
        outcome = launch(
            member.recipe, dataset, member.name, resume, typer.echo, surroundings.origin, surroundings.tensorboard
        )
    except RuntimeError as error:  # a TrainingError; its class costs the import of Keras
        raise fail(error) from None
    report(outcome.bundle)
    return outcome.status


def report(bundle: Path) -> None:
    from model.registry.card import read_card

    card = read_card(bundle)
    for title, figures in card.accuracy.items():
        typer.echo(f"{title}: accuracy {figures['keras']:.2%}, int8 {figures['int8']:.2%}")
    typer.echo(f"bundle {bundle} ({sum(entry.bytes for entry in card.files.values()) / 1e6:.1f} MB)")


def run_series(members: list[SeriesRun], surroundings: Surroundings) -> list[Run]:
    """Bring several runs to their end."""
    from training.runs.series import run_series

    return run_series(members, lambda member, resume: train(member, surroundings, resume), surroundings.origin)


@app.command()
def ablate(
    name: Annotated[str, typer.Argument(help="A shipped ablation: vgg3.")],
    data: DataOption = None,
    settings: SetOption = None,
    tensorboard: BoardOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Train the variants of a network one after another and compare them; goes on where it was stopped."""
    from model.common.extras import require
    from training.engine.launch import choose_device
    from training.runs.series import ablation_series, format_table

    with plain_errors():
        require("keras")
        choose_device(device)
        runs = run_series(ablation_series(name, tuple(settings or ())), Surroundings(data, tensorboard=tensorboard))
        for line in format_table(runs):
            typer.echo(line)


@app.command()
def evaluate(
    model: Annotated[str, typer.Option(help="A bundle's name or path.")] = "default",
    data: DataOption = None,
    engine: Annotated[str, typer.Option(help="keras or int8.")] = "keras",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    category_names: NamesOption = None,
    strict: StrictOption = False,
) -> None:
    """Measure a bundle on the test pictures of a data set, one plain view a picture."""
    from model.datasets.class_name_files import read_names
    from model.datasets.class_names import rename_classes
    from model.datasets.loader import load_test
    from model.datasets.splits import absent_classes_note, left_out_note, require_readable, utf8_name
    from model.datasets.test_set import has_separate_test_set, match_labels
    from model.evaluation.scores import check_class_count
    from model.evaluation.scores import evaluate as measure
    from model.inference.classifier import Classifier

    with plain_errors():
        try:
            classifier = Classifier.load(model, engine)
        except ValueError as error:
            raise fail(error) from None
        check_class_count(classifier.card.classes)
        name, classes, split = load_test(data, classifier.card.input_shape)
        if strict:
            require_readable(split.broken, len(split))
        if category_names:
            classes = rename_classes(classes, read_names(category_names), partial(typer.echo, err=True))
        known = classifier.card.classes
        if data and classifier.card.dataset == name and not has_separate_test_set(data):
            flattery = _("{network} was trained on most of these pictures, so the figures flatter it.")
            typer.echo(flattery.format(network=classifier.card.name), err=True)
        if not classifier.card.exclusive:
            typer.echo(
                _("The classes do not exclude each other: here, the likeliest one counts as the answer."), err=True
            )
        split = replace(split, labels=match_labels(split.labels, classes, known))
        for said in (left_out_note(split.broken, len(split)), absent_classes_note(split.labels, known)):
            if said:
                typer.echo(said, err=True)
        whole, *parts = measure(classifier.probabilities, name, split, known).items()
    if as_json:
        subsets = {f"first_{part.n}": {"n": part.n, "accuracy": part.accuracy} for _title, part in parts}
        answer = {"model": classifier.card.name, "engine": engine, **asdict(whole[1]), "subsets": subsets}
        if split.broken:
            answer["left_out"] = [{"file": utf8_name(str(one.path)), "error": one.reason} for one in split.broken]
        typer.echo(json.dumps(answer))
        return
    typer.echo(f"{classifier.card.name} ({engine})")
    for title, result in [whole, *parts]:
        typer.echo(f"{title}: accuracy {result.accuracy:.2%}, calibration error {result.ece:.2%}, n {result.n:,}")
    for label, share in sorted(whole[1].per_class.items(), key=lambda item: item[1]):
        typer.echo(f"  {label:<12} {share:.1%}")


@app.command()
def recipes(
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of docs/training.md.")] = False,
) -> None:
    """List the shipped recipes and ablations with what they reached, beside what their sources report."""
    from training.runs.series import format_markdown, recipe_results

    rows = recipe_results()
    if as_markdown:
        typer.echo("\n".join(format_markdown(rows)))
        return
    for row in rows:
        figures = [f"{values['keras']:.2%} on {title}" for title, values in row.run.accuracy.items()] if row.run else []
        typer.echo(f"{row.name:<18} {row.recipe.description}")
        typer.echo(" " * 19 + (f"measured: {', '.join(figures)}" if figures else "not measured yet"))
        if row.recipe.reported:
            typer.echo(" " * 19 + f"reported by its source: {row.recipe.reported}")
