"""A model file from outside: looked over in a process of its own, then stored, or refused with a sentence."""

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
from model.registry.store import FILES, StoredModel, add, check_free, confirm, list_models
from model.signature.scaling import check_scaling

MAX_BYTES = 300 * 2**20
HDF5, TFLITE = b"\x89HDF\r\n\x1a\n", b"TFL3"
# What a file of each kind may be called: Keras 2.12 and earlier wrote HDF5 for .keras, and some browsers call a ZIP so.
NAMES = {
    ".h5": ("", ".h5", ".hdf5", ".keras"),
    ".keras": ("", ".keras", ".zip"),
    ".tflite": ("", ".tflite"),
}


@dataclass(frozen=True)
class Wishes:
    """What the person says of a file; nothing means: find out.

    classes: `cat,dog`, the path of a file of names, or names that were read; input_size, input_width: of the pictures,
    for a network that takes any, without a width for squares.
    """

    name: str = ""
    classes: str | Names = ""
    scaling: str = ""
    input_size: int = 0
    input_width: int = 0


NO_WISHES = Wishes()


@dataclass(frozen=True)
class Added:
    """A model in the store; facts: what was found out of its file, or None for one that was stored already.

    notes: whole sentences on what was done with the names of its classes; conversion: one on what is stored in place of
    what was given, if that is something else.
    """

    model: StoredModel
    facts: Facts | None
    notes: tuple[str, ...] = ()
    conversion: str = ""


def add_file(path: Path, wishes: Wishes = NO_WISHES) -> Added:
    """Store a .keras, .h5 or .tflite file, or an .h5 file made of a SavedModel of Keras 2, a folder or a ZIP of one.

    Raises StoreError with a sentence; nothing is stored then.
    """
    if wishes.scaling:
        check_scaling(wishes.scaling)
    name = wishes.name or name_from(path)
    check_free(name)
    notes: list[str] = []
    try:
        content, suffix, conversion = read_network_file(path)
        if same := known(content):
            check_same(same, path, wishes)
            return Added(confirm(same.title, wishes.scaling) if wishes.scaling else same, None)
        facts = look_at(content, suffix, wishes)
        classes = name_classes(wishes, facts, notes.append)
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
    return Added(add(content, suffix, name, card)[0], facts, tuple(notes), conversion)


def read_network_file(path: Path) -> tuple[bytes, str, str]:
    """The bytes to store, their suffix, and a sentence on what they were made of.

    Raises:
        StoreError: The file cannot be read.
        UnsafeModelError: It uses something that is not allowed.
    """
    parts = saved_model(path)
    if parts is None:
        content = read_limited(path)
        return content, suffix_of(content, path), ""
    said = _(
        "It was a SavedModel; stored is an .h5 file of its description and its weights. Nothing of it was run, so "
        "compare some answers with those that it gave where it was made."
    )
    return convert_to_h5(parts), ".h5", said


def saved_model(path: Path) -> Parts | None:
    """The files of a SavedModel of Keras 2, from its folder or a ZIP; None for anything else."""
    if path.is_dir():
        try:
            return read_saved_model_folder(path, MAX_BYTES)
        except OSError as error:
            raise StoreError(
                _("{path} cannot be read: {strerror}").format(path=path, strerror=error.strerror)
            ) from None
    if path.suffix.lower() not in ("", ".zip"):
        return None
    content = read_limited(path)
    return read_saved_model_zip(content) if content[:4] == b"PK\x03\x04" and not is_keras_archive(content) else None


def known(content: bytes) -> StoredModel | None:
    """The stored model of these bytes, if there is one."""
    digest = hashlib.sha256(content).hexdigest()
    return next((model for model in list_models() if model.sha256 == digest), None)


def check_same(model: StoredModel, path: Path, wishes: Wishes) -> None:
    """Raises StoreError when more is wished of the same bytes than the model that they are already."""
    classes = resolve_class_names(wishes.classes, len(model.card.classes)) if wishes.classes else model.card.classes
    if classes != model.card.classes:
        raise StoreError(
            _("{name} is stored already, as {title!r} with the classes {names}; remove that first").format(
                name=path.name, title=model.title, names=", ".join(model.card.classes[:5])
            )
        )
    shape = model.card.input_shape
    if wishes.input_size and (shape.height, shape.width) != (
        wishes.input_size,
        wishes.input_width or wishes.input_size,
    ):
        raise StoreError(
            _("{name} is stored already, as {title!r} for pictures of {shape} pixels; remove that first").format(
                name=path.name, title=model.title, shape=shape
            )
        )
    if wishes.scaling not in ("", model.card.scaling) and not model.card.is_guess:
        raise StoreError(
            _(
                "{name} is stored already, as {title!r} with scaling {scaling}; "
                "`confirm {title} --scaling {wished}` changes that"
            ).format(name=path.name, title=model.title, scaling=model.card.scaling, wished=wishes.scaling)
        )


def look_at(content: bytes, suffix: str, wishes: Wishes) -> Facts:
    """What the bytes are. Raises UnsafeModelError, NamesError."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{suffix}"  # what is looked at is what is stored, whoever writes the file meanwhile
        copy.write_bytes(content)
        names = Path(folder) / "classes.json"
        if wishes.classes:
            given = names_from_argument(wishes.classes) if isinstance(wishes.classes, str) else wishes.classes
            names.write_text(json.dumps(given), "utf-8")
        return inspect(
            copy, wishes.scaling, wishes.input_size, wishes.input_width, str(names) if wishes.classes else ""
        )


def name_classes(wishes: Wishes, facts: Facts, tell: Callable[[str], object]) -> tuple[str, ...]:
    """The classes' names as they were given, else as the file's own labels call them. Raises NamesError."""
    if not wishes.classes and len(facts.labels) == facts.classes:
        with suppress(NamesError):
            return resolve_class_names(facts.labels, facts.classes, tell)
    return resolve_class_names(wishes.classes, facts.classes, tell)


def name_from(path: Path) -> str:
    """A name for the model from its file's. Raises StoreError when none can be made."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-._")[:64]
    if not name:
        raise StoreError(
            _("the file's name {name!r} makes no name for a model; give one with --name").format(name=path.name)
        )
    return name


def read_limited(path: Path) -> bytes:
    """The file's bytes. Raises StoreError when it cannot be read or is too large."""
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
    """What kind of file it is, by its content; its name may say nothing else. Raises StoreError."""
    kinds = ((".h5", content[:8] == HDF5), (".keras", is_keras_archive(content)), (".tflite", content[4:8] == TFLITE))
    kind = next((suffix for suffix, matches in kinds if matches), None)
    given = path.suffix.lower()
    if kind is None:
        reason = describe_file(content, path) or _("its content is of no known kind; {names} files are taken").format(
            names=", ".join(FILES)
        )
        raise StoreError(_("{name} is not stored: {error}.").format(name=path.name, error=reason))
    if given not in NAMES[kind]:
        raise StoreError(
            _("{name} is not stored: its content is that of a {kind} file, and its name says {suffix}.").format(
                name=path.name, kind=kind, suffix=given
            )
        )
    return kind
