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
from training.cli import projects as projects_cli
from training.cli import runs as runs_cli
from training.cli.arguments import (
    CoresOption,
    DataOption,
    DeviceOption,
    NamesOption,
    RayOption,
    SetOption,
    StrictOption,
    exit_on_error,
    fail,
)
from training.cli.series import start_series, train_run
from training.cli.sweep import sweep
from training.cli.teach import teach
from training.runs.run_options import RunOptions

if TYPE_CHECKING:
    import numpy as np

    from model.inference.classifier import Classifier

app = typer.Typer(help="Train and measure image classifiers.", no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(runs_cli.app, name="runs")
app.add_typer(projects_cli.app, name="projects")
app.command("sweep")(sweep)
app.command("teach")(teach)
_TensorboardOption = Annotated[
    bool, typer.Option("--tensorboard", help="Write TensorBoard's logs into the run's folder too.")
]


@app.command()
def fit(
    recipe: Annotated[str, typer.Option(help="A shipped recipe's name, or a .toml file.")] = "fast",
    data: DataOption = None,
    settings: SetOption = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run and of its bundle; by default the recipe and the time.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue the run of that name, or the newest, after its last finished epoch."),
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to train with; prints mean and spread.")] = 1,
    tensorboard: _TensorboardOption = False,
    category_names: NamesOption = None,
    device: DeviceOption = "auto",
    strict: StrictOption = False,
    ray: RayOption = None,
    cpus_per_run: CoresOption = None,
) -> None:
    """Train a recipe: a run that grows epoch by epoch, and a bundle at the end.

    Ctrl-C keeps the best weights so far as a bundle; --resume continues from there.
    """
    from model.common.extras import require
    from model.registry.card import check_name
    from training.engine.launch import choose_device
    from training.recipes.recipe_file import load_recipe
    from training.runs import series
    from training.runs.run import check_unused_name, find_resumable
    from training.runs.run_files import CHECKPOINT, RunError

    options = RunOptions(data, category_names, tensorboard, strict, device)
    with exit_on_error():
        require("keras")
        if seeds > 1:
            chosen = load_recipe(recipe, tuple(settings or ()))
            members = series.seed_series(chosen, check_name(name or chosen.name), seeds)
            finished = series.run_series(members, start_series(options, ray, cpus_per_run), options.origin)
            typer.echo("\n".join([*series.format_table(finished), *series.format_summary(finished)]))
            return
        if ray:
            raise RunError(_("--ray trains several runs side by side; how many, --seeds says"))
        choose_device(device)
        if resume:
            folder = find_resumable(check_name(name) if name else None)
            options = options.as_begun(folder)
            recipe, name = str(folder / "recipe.toml"), folder.name
        chosen = load_recipe(recipe, tuple(settings or ()))
        title = check_name(name or f"{chosen.name}-{datetime.now():%Y%m%d-%H%M%S}")
        begun = resume and (folder / CHECKPOINT).exists()
        member = series.SeriesRun(title if resume else check_unused_name(title), chosen)
        try:
            train_run(member, options, begun)
        except RuntimeError as error:  # a StoppedRun, or a TrainingError, whose class costs the import of Keras
            raise fail(error) from None
        except KeyboardInterrupt:
            raise fail(RuntimeError(_("stopped; --resume continues from what was saved so far"))) from None


@app.command()
def ablate(
    name: Annotated[str, typer.Argument(help="A shipped ablation: vgg3.")],
    data: DataOption = None,
    settings: SetOption = None,
    tensorboard: _TensorboardOption = False,
    device: DeviceOption = "auto",
    ray: RayOption = None,
    cpus_per_run: CoresOption = None,
) -> None:
    """Train the variants of a network and compare them; it continues where it was stopped."""
    from model.common.extras import require
    from training.runs.series import ablation_series, format_table, run_series

    with exit_on_error():
        require("keras")
        members = ablation_series(name, tuple(settings or ()))
        options = RunOptions(data, tensorboard=tensorboard, device=device)
        runs = run_series(members, start_series(options, ray, cpus_per_run), options.origin)
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
    other: Annotated[
        Path | None, typer.Option(help="A folder of pictures that are none of the classes: are they told apart?")
    ] = None,
) -> None:
    """Measure a bundle on the test pictures of a data set, one plain view of each."""
    from model.datasets.class_name_files import read_names
    from model.datasets.class_names import rename_classes
    from model.datasets.loader import load_test
    from model.datasets.splits import absent_classes_note, left_out_note, require_readable, utf8_name
    from model.datasets.test_set import flattery_note, match_labels
    from model.evaluation.scores import check_class_count, score_sets
    from model.evaluation.separation import separate
    from model.evaluation.test_set_predictions import predict_all
    from model.inference.classifier import Classifier

    with exit_on_error():
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
        flattery = flattery_note(classifier.card.name, data) if data and classifier.card.dataset == name else ""
        if not classifier.card.exclusive:
            typer.echo(
                _("The classes do not exclude each other: here, the likeliest one counts as the answer."), err=True
            )
        split = replace(split, labels=match_labels(split.labels, classes, known))
        for said in (flattery, left_out_note(split.broken, len(split)), absent_classes_note(split.labels, known)):
            if said:
                typer.echo(said, err=True)
        strangers = other_scores(classifier, other) if other else None
        rows, scores = predict_all(classifier, split.images, lambda done: None)
        whole, *parts = score_sets(rows, name, split, known).items()
        apart = None if strangers is None else separate(rows.max(axis=1) if scores is None else scores, strangers)
    if as_json:
        subsets = {f"first_{part.n}": {"n": part.n, "accuracy": part.accuracy} for _title, part in parts}
        answer = {"model": classifier.card.name, "engine": engine, **asdict(whole[1]), "subsets": subsets}
        if apart is not None:
            answer["other"] = asdict(apart)
        if split.broken:
            answer["left_out"] = [{"file": utf8_name(str(one.path)), "error": one.reason} for one in split.broken]
        typer.echo(json.dumps(answer))
        return
    typer.echo(f"{classifier.card.name} ({engine})")
    for title, result in [whole, *parts]:
        typer.echo(f"{title}: accuracy {result.accuracy:.2%}, calibration error {result.ece:.2%}, n {result.n:,}")
    if apart is not None:
        typer.echo(
            f"other pictures: AUROC {apart.auroc:.3f}, {apart.false_positives:.1%} of {apart.others:,} pass where 95 % "
            f"of {apart.known:,} test pictures do"
        )
    for label, share in sorted(whole[1].per_class.items(), key=lambda item: item[1]):
        typer.echo(f"  {label:<12} {share:.1%}")


def other_scores(classifier: Classifier, folder: Path) -> np.ndarray:
    """How known the pictures of a folder seem to a network, float (n,). Raises DataError where there are none."""
    import numpy as np

    from model.datasets.splits import DataError
    from model.evaluation.strangers import score_strangers
    from model.images.image_files import picture_paths

    scores = score_strangers(classifier, [path.read_bytes for path in picture_paths(folder)], True, lambda done: None)
    if not np.isfinite(scores).any():
        raise DataError(_("{folder} holds no pictures").format(folder=folder))
    return np.asarray(scores[np.isfinite(scores)])


@app.command()
def recipes(
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the table of docs/training.md.")] = False,
) -> None:
    """List the shipped recipes and ablations with what they reached and what their sources report."""
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
