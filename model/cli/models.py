"""The commands for models: add, list, show, confirm, export, remove, rename, default."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from model.cli.main import app
from model.cli.terminal import fail, spinner, terminal_text

if TYPE_CHECKING:
    from model.registry.card import Card
    from model.registry.catalog import Entry

_Name = Annotated[str, typer.Argument(help="A model's name.")]
_SCALING_HELP = "How it expects pixels: none, unit, symmetric, standard, imagenet or caffe."
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="A .keras, .h5 or .tflite file, or a SavedModel of Keras 2.")],
    name: Annotated[str, typer.Option(help="Its name; by default that of its file.")] = "",
    classes: Annotated[str, typer.Option(help="Its classes in order: cat,dog, or a file of their names.")] = "",
    scaling: Annotated[str, typer.Option(help=_SCALING_HELP)] = "",
    input_size: Annotated[
        str,
        typer.Option(
            help="The side in pixels, or 24x48 (height x width), for a network that takes pictures of any size."
        ),
    ] = "",
) -> None:
    """Inspect a network's file and store it. No code in the file is run; a file that would need it is refused."""
    from model.common.errors import BundleError
    from model.intake.add_model import ModelOptions, add_file
    from model.signature.shapes import SizeError, parse_sides

    try:
        sides = parse_sides(input_size)
        with spinner("Inspecting the file"):
            added = add_file(file, ModelOptions(name, classes, scaling, *sides))
    except (BundleError, SizeError) as error:
        fail(error)
    model = added.model
    if added.facts is None:
        typer.echo(f"{file} is stored already, as {model.title}")
        if scaling:
            _print_scaling(model.title, model.card)
        return
    version = (
        f", version {model.version}; the one before is {model.name}@{model.version - 1}" if model.version > 1 else ""
    )
    pixels, count = model.card.input_shape.pixels, len(model.card.classes)
    typer.echo(f"stored as {model.name}{version}: {count} classes, {pixels}, {model.bytes / 1e6:.1f} MB")
    if added.conversion:
        typer.echo(added.conversion)
    _print_scaling(model.name, model.card)
    if not model.card.exclusive:
        typer.echo("its classes do not exclude each other: each has its own probability")
    for note in added.notes:
        typer.echo(f"classes: {terminal_text(note)}")
    if not classes:
        first = terminal_text(", ".join(model.card.classes[:3]))
        named = "as the file names them" if model.card.classes[0] != "class0" else "--classes gives them names"
        typer.echo(f"classes: {first}{', …' if count > 3 else ''}; {named}")


def _print_scaling(name: str, card: Card) -> None:
    from model.registry.card import describe_scaling_source

    known = describe_scaling_source(card)
    typer.echo(f"scaling: {card.scaling}" + (f" ({terminal_text(known)})" if known else ""))
    if card.is_guess:
        typer.echo(f"         `confirm {name}` confirms it, `confirm {name} --scaling …` corrects it")


@app.command("list")
def list_all(as_json: _Json = False) -> None:
    """List all models: those that ship, those trained here, those added. The default has a star."""
    entries = _list_entries()
    if as_json:
        typer.echo(json.dumps([_to_json(entry) for entry in entries], indent=2))
        return
    for entry in entries:
        card = entry.card
        about = terminal_text(entry.problem)
        if card is not None:
            pixels = str(card.input_shape)
            about = f"{len(card.classes):>5} classes  {pixels:>11}  {card.bytes / 1e6:>6.1f} MB  {card.sha256[:12]}"
            about += "  scaling guessed" if card.is_guess else ""
        typer.echo(f"{'*' if entry.default else ' '} {entry.name:<24} {entry.origin:<13} {about}")


def _list_entries() -> list[Entry]:
    from model.common.errors import BundleError
    from model.registry.catalog import list_entries

    try:
        return list_entries()
    except BundleError as error:
        fail(error)


def _to_json(entry: Entry) -> dict[str, Any]:
    about = {"name": entry.name, "origin": entry.origin, "default": entry.default}
    return about | ({"card": dataclasses.asdict(entry.card)} if entry.card else {"error": entry.problem})


@app.command()
def show(name: _Name, as_json: _Json = False) -> None:
    """Show what is known about a model."""
    from model.common.errors import BundleError
    from model.registry.resolution import find_by_name

    try:
        folder = find_by_name(name)
    except BundleError as error:
        fail(error)
    entry = next(entry for entry in _list_entries() if entry.folder == folder)
    if as_json:
        typer.echo(json.dumps(_to_json(entry), indent=2))
        return
    if entry.card is None:
        fail(entry.problem)
    for title, value in _details(entry, entry.card).items():
        typer.echo(f"{title:<11} {terminal_text(value)}")


def _details(entry: Entry, card: Card) -> dict[str, str]:
    """Return a card in words: title -> value, without what is not known."""
    from model.registry.card import describe_scaling_source
    from model.signature.scaling import SCALINGS

    rows = {
        "name": entry.name + (" (the default)" if entry.default else ""),
        "origin": entry.origin,
        "classes": ", ".join(card.classes[:20]) + (f", … ({len(card.classes)})" if len(card.classes) > 20 else ""),
        "pictures": f"{card.input_shape.pixels}, {SCALINGS[card.scaling].about}",
        "answers": "" if card.exclusive else "a probability for each class; they do not exclude each other",
        "scaling": ", ".join(filter(None, (card.scaling, describe_scaling_source(card)))),
        "parameters": f"{card.parameters:,}" if card.parameters else "",
        "operations": f"{card.flops:,} a picture" if card.flops else "",
        "recipe": card.recipe,
        "trained on": card.dataset,
        "date": card.date,
    }
    for title, figures in card.accuracy.items():
        rows[f"{title}"] = ", ".join(f"{engine} {share:.2%}" for engine, share in figures.items() if engine != "n")
    for file, known in card.files.items():
        rows[file] = f"{known.bytes:,} bytes, SHA-256 {known.sha256}"
    return {title: value for title, value in rows.items() if value}


@app.command()
def confirm(name: _Name, scaling: Annotated[str, typer.Option(help=_SCALING_HELP)] = "") -> None:
    """Say that a stored model's scaling is right, or with --scaling which scaling is."""
    from model.common.errors import BundleError
    from model.registry import store

    try:
        model = store.confirm_scaling(name, scaling)
    except BundleError as error:
        fail(error)
    _print_scaling(model.title, model.card)


@app.command()
def export(name: _Name, file: Annotated[Path, typer.Argument(help="Where to write it.")]) -> None:
    """Write a model's file: the file that was added, or .keras and .h5 converted to each other."""
    from model.common.errors import BundleError
    from model.export import conversion

    try:
        with spinner("Writing the file"):
            size = conversion.export(name, file)
    except BundleError as error:
        fail(error)
    typer.echo(f"{file} ({size:,} bytes)")


@app.command()
def remove(name: _Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Remove a stored model for good: all its versions, or one as NAME@VERSION, after a question."""
    from model.common.errors import BundleError
    from model.registry import store

    try:
        models = store.matching_models(name, store.list_models())
        if not yes:
            what = f"{len(models)} versions of {name}" if len(models) > 1 else name
            typer.confirm(f"Remove {what} for good?", abort=True)
        store.remove_models(name, for_good=True)
    except BundleError as error:
        fail(error)
    typer.echo(f"removed {name}")


@app.command()
def rename(
    old: Annotated[str, typer.Argument(help="A stored model's name.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
) -> None:
    """Rename a stored model."""
    from model.common.errors import BundleError
    from model.registry import store

    try:
        store.rename_model(old, new)
    except BundleError as error:
        fail(error)
    typer.echo(f"{old} is now {new}")


@app.command()
def default(
    name: Annotated[str | None, typer.Argument(help="Any model's name; without one, print the default.")] = None,
) -> None:
    """Choose the default model; a running server uses it at once."""
    from model.common.errors import BundleError
    from model.registry import resolution
    from model.registry.resolution import default_name

    try:
        if name is not None:
            resolution.set_default(name)
        typer.echo(default_name())
    except BundleError as error:
        fail(error)
