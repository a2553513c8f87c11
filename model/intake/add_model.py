"""Add a model file to the store after inspecting it in a sandbox, or refuse it with a message."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from model.common.errors import StoreError, UnsafeModelError
from model.datasets.class_name_files import Names, NamesError
from model.datasets.class_names import names_from_argument, resolve_class_names
from model.formats.keras2.savedmodel import Parts, convert_to_h5, read_saved_model_folder, read_saved_model_zip
from model.formats.unsupported_formats import describe_file, describe_folder, is_keras_archive
from model.i18n.number_format import decimal
from model.i18n.translations import gettext as _
from model.intake.inspection import Facts, inspect
from model.registry.card import Card
from model.registry.store import FILES, StoredModel, check_name_available, confirm_scaling, list_models, save_model
from model.signature.scaling import check_scaling

MAX_BYTES = 300 * 2**20
_HDF5, _TFLITE = b"\x89HDF\r\n\x1a\n", b"TFL3"
# Suffixes that each kind of file may have: Keras 2.12 and earlier wrote _HDF5 as .keras; some browsers rename to .zip.
_ACCEPTED_SUFFIXES = {
    ".h5": ("", ".h5", ".hdf5", ".keras"),
    ".keras": ("", ".keras", ".zip"),
    ".tflite": ("", ".tflite"),
}


@dataclass(frozen=True)
class ModelOptions:
    """What the user says about a file; empty values are to be found out.

    Attributes:
        name: The name of the model.
        classes: `cat,dog`, the path of a file of names, or names already read.
        scaling: A name of SCALINGS.
        input_size: The height of the pictures, for networks that take any size.
        input_width: Their width; 0 for squares.
    """

    name: str = ""
    classes: str | Names = ""
    scaling: str = ""
    input_size: int = 0
    input_width: int = 0


_NO_OPTIONS = ModelOptions()


@dataclass(frozen=True)
class AddedModel:
    """A model in the store.

    Attributes:
        model: The stored model.
        facts: What was found out about the file; None if it was in the store already.
        notes: Messages about changed class names.
        conversion: A message if something other than the given file is stored.
    """

    model: StoredModel
    facts: Facts | None
    notes: tuple[str, ...] = ()
    conversion: str = ""


def add_file(path: Path, options: ModelOptions = _NO_OPTIONS) -> AddedModel:
    """Store a .keras, .h5 or .tflite file, or an .h5 file converted from a SavedModel of Keras 2 (a folder or a ZIP).

    Raises:
        StoreError: The file is refused; nothing is stored.
    """
    if options.scaling:
        check_scaling(options.scaling)
    name = options.name or _name_from_path(path)
    check_name_available(name)
    notes: list[str] = []
    try:
        content, suffix, conversion = _read_network_file(path)
        if same := _find_stored(content):
            _check_options_match(same, path, options)
            return AddedModel(confirm_scaling(same.title, options.scaling) if options.scaling else same, None)
        facts = _inspect_content(content, suffix, options)
        classes = _name_classes(options, facts, notes.append)
    except (UnsafeModelError, NamesError) as error:
        raise StoreError(_("{name} is not stored: {error}.").format(name=path.name, error=error)) from None
    card = Card(
        name=name,
        classes=classes,
        input_size=facts.input_size,
        parameters=facts.parameters,
        flops=facts.flops,
        recipe="",
        dataset="",
        date=date.today().isoformat(),
        scaling=facts.scaling,
        output=facts.output,
        input_width=facts.input_width,
        channels=facts.channels,
        scaling_from=facts.source,
        scaling_why=facts.why,
    )
    return AddedModel(save_model(content, suffix, name, card)[0], facts, tuple(notes), conversion)


def _read_network_file(path: Path) -> tuple[bytes, str, str]:
    """Return the bytes to store, their suffix, and a message if they were converted.

    Raises:
        StoreError: The file cannot be read.
        UnsafeModelError: It uses something that is not allowed.
    """
    parts = _read_saved_model(path)
    if parts is None:
        content = _read_limited(path)
        return content, suffix_of(content, path), ""
    said = _(
        "It was a SavedModel; stored is an .h5 file of its description and its weights. Nothing of it was run, so "
        "compare some answers with those that it gave where it was made."
    )
    return convert_to_h5(parts), ".h5", said


def _read_saved_model(path: Path) -> Parts | None:
    """Return the files of a SavedModel of Keras 2, from its folder or a ZIP; None for anything else."""
    if path.is_dir():
        try:
            return read_saved_model_folder(path, MAX_BYTES)
        except OSError as error:
            raise StoreError(
                _("{path} cannot be read: {strerror}").format(path=path, strerror=error.strerror)
            ) from None
    if path.suffix.lower() not in ("", ".zip"):
        return None
    content = _read_limited(path)
    return read_saved_model_zip(content) if content[:4] == b"PK\x03\x04" and not is_keras_archive(content) else None


def _find_stored(content: bytes) -> StoredModel | None:
    """Return the stored model with these bytes, or None."""
    digest = hashlib.sha256(content).hexdigest()
    return next((model for model in list_models() if model.sha256 == digest), None)


def _check_options_match(model: StoredModel, path: Path, options: ModelOptions) -> None:
    """Raise StoreError if the options ask for something other than the stored model with the same bytes."""
    classes = resolve_class_names(options.classes, len(model.card.classes)) if options.classes else model.card.classes
    if classes != model.card.classes:
        raise StoreError(
            _("{name} is stored already, as {title!r} with the classes {names}; remove that first").format(
                name=path.name, title=model.title, names=", ".join(model.card.classes[:5])
            )
        )
    shape = model.card.input_shape
    if options.input_size and (shape.height, shape.width) != (
        options.input_size,
        options.input_width or options.input_size,
    ):
        raise StoreError(
            _("{name} is stored already, as {title!r} for pictures of {shape} pixels; remove that first").format(
                name=path.name, title=model.title, shape=shape
            )
        )
    if options.scaling not in ("", model.card.scaling) and not model.card.is_guess:
        raise StoreError(
            _(
                "{name} is stored already, as {title!r} with scaling {scaling}; "
                "`confirm {title} --scaling {wished}` changes that"
            ).format(name=path.name, title=model.title, scaling=model.card.scaling, wished=options.scaling)
        )


def _inspect_content(content: bytes, suffix: str, options: ModelOptions) -> Facts:
    """Inspect the bytes in a sandbox; raise UnsafeModelError or NamesError."""
    with TemporaryDirectory() as folder:
        copy = (
            Path(folder) / f"model{suffix}"
        )  # inspect exactly the bytes that will be stored, even if the file changes
        copy.write_bytes(content)
        names = Path(folder) / "classes.json"
        if options.classes:
            given = names_from_argument(options.classes) if isinstance(options.classes, str) else options.classes
            names.write_text(json.dumps(given), "utf-8")
        return inspect(
            copy, options.scaling, options.input_size, options.input_width, str(names) if options.classes else ""
        )


def _name_classes(options: ModelOptions, facts: Facts, log: Callable[[str], object]) -> tuple[str, ...]:
    """Return the given class names, else the labels in the file, else numbers; raise NamesError."""
    if not options.classes and len(facts.labels) == facts.classes:
        with suppress(NamesError):
            return resolve_class_names(facts.labels, facts.classes, log)
    return resolve_class_names(options.classes, facts.classes, log)


def _name_from_path(path: Path) -> str:
    """Make a model name from the name of the file; raise StoreError if that is impossible."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:64]
    if not name:
        raise StoreError(
            _("the file's name {name!r} makes no name for a model; give one with --name").format(name=path.name)
        )
    return name


def _read_limited(path: Path) -> bytes:
    """Read a file of at most MAX_BYTES; raise StoreError."""
    try:
        if path.is_dir():
            raise StoreError(_("{name} is not stored: {error}.").format(name=path.name, error=describe_folder(path)))
        if not path.is_file():
            raise StoreError(_("{path} is not a file").format(path=path))
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise StoreError(
                _("{name} has {size} MB; model files can have up to {limit} MB").format(
                    name=path.name, size=decimal(size / 2**20), limit=MAX_BYTES // 2**20
                )
            )
        return path.read_bytes()
    except OSError as error:
        raise StoreError(_("{path} cannot be read: {strerror}").format(path=path, strerror=error.strerror)) from None


def suffix_of(content: bytes, path: Path) -> str:
    """Return the suffix for the content of a file, which its name must not contradict; raise StoreError."""
    kinds = ((".h5", content[:8] == _HDF5), (".keras", is_keras_archive(content)), (".tflite", content[4:8] == _TFLITE))
    kind = next((suffix for suffix, matches in kinds if matches), None)
    given = path.suffix.lower()
    if kind is None:
        reason = describe_file(content, path) or _("its content is of no known kind; {names} files are taken").format(
            names=", ".join(FILES)
        )
        raise StoreError(_("{name} is not stored: {error}.").format(name=path.name, error=reason))
    if given not in _ACCEPTED_SUFFIXES[kind]:
        raise StoreError(
            _("{name} is not stored: its content is that of a {kind} file, and its name says {suffix}.").format(
                name=path.name, kind=kind, suffix=given
            )
        )
    return kind
