"""A bundle: a folder with a network and its card, the only thing that training hands to the classifier."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from model.files import is_being_written, write_whole
from model.home import home
from model.language import gettext as _
from model.outputs import INDEPENDENT
from model.shapes import InputShape

BUNDLES = Path(__file__).parent / "bundles"
DEFAULT = "best"  # the shipped bundle that `default` names until the user chooses another
KERAS_FILE, INT8_FILE, CARD_FILE = "model.keras", "model-int8.tflite", "card.json"
H5_FILE, TFLITE_FILE = "model.h5", "model.tflite"  # of models that were made elsewhere
NETWORK_FILES = (KERAS_FILE, H5_FILE, INT8_FILE, TFLITE_FILE)
READ, TRIED, GUESSED, CONFIRMED = "read", "tried", "guessed", "confirmed"  # how a card's scaling is known


class BundleError(ValueError):
    """A bundle that is missing or damaged; the message names it and what was expected."""


class UnknownModel(BundleError):
    """A name that no model has; the message lists those that there are."""


@dataclass(frozen=True)
class FileEntry:
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Card:
    """What card.json says of a network.

    accuracy: test set -> {"n": pictures, "keras": share right, "int8": share right}; ece: test set -> expected
    calibration error by engine; flops: multiplications and additions of one picture's pass; temperature: what the
    logits were divided by to calibrate the probabilities, on average, 1 for none; scaling and output: names of
    SCALINGS and OUTPUTS, for networks that were made elsewhere; scaling_from: how the scaling is known, one of
    `read`, `tried`, `guessed` and `confirmed`, or nothing; scaling_why: what it was chosen by, as a sentence's part;
    input_size: the height of the pictures, input_width: 0 where that is the width too; channels: 3 for RGB, 1 for grey.
    """

    name: str
    classes: tuple[str, ...]
    input_size: int
    parameters: int
    flops: int
    recipe: str
    dataset: str
    date: str
    minutes: float = 0.0
    accuracy: dict[str, dict[str, float]] = field(default_factory=dict)
    ece: dict[str, dict[str, float]] = field(default_factory=dict)
    temperature: float = 1.0
    files: dict[str, FileEntry] = field(default_factory=dict)
    scaling: str = "none"
    output: str = "probabilities"
    input_width: int = 0
    channels: int = 3
    scaling_from: str = ""
    scaling_why: str = ""

    @property
    def input_shape(self) -> InputShape:
        """What one picture is to the network: (height, width, channels)."""
        return InputShape(self.input_size, self.input_width or self.input_size, self.channels)

    @property
    def exclusive(self) -> bool:
        """Whether a picture is of one of the classes alone, so that its probabilities sum to 1."""
        return self.output != INDEPENDENT

    @property
    def is_guess(self) -> bool:
        """Whether nobody knows yet that its scaling is right: its answers may all be wrong."""
        return self.scaling_from == GUESSED

    @property
    def bytes(self) -> int:
        """The size of its largest file."""
        return max((entry.bytes for entry in self.files.values()), default=0)

    @property
    def sha256(self) -> str:
        """The SHA-256 of its first file: tells one network from another, whatever their names."""
        return next((self.files[name].sha256 for name in NETWORK_FILES if name in self.files), "")

    @property
    def headline(self) -> tuple[str, dict[str, float]] | None:
        """The test set with the most pictures and its figures, or None when none was measured."""
        return max(self.accuracy.items(), key=lambda item: item[1]["n"]) if self.accuracy else None


def database_file() -> Path:
    """Where the store is, unless VITRINE_DATABASE names another database."""
    return home() / "vitrine.sqlite"


def has_store() -> bool:
    """Whether there is a store to look into; without one, its libraries need not be imported."""
    return bool(os.environ.get("VITRINE_DATABASE")) or database_file().is_file()


def own_folders() -> dict[str, Path]:
    """The bundles outside the store, by name: those that ship, then those trained here; no name hides a shipped one."""
    folders: dict[str, Path] = {}
    for root in (BUNDLES, home() / "bundles"):
        for card in sorted(root.glob(f"*/{CARD_FILE}")):
            if not is_being_written(card.parent):
                folders.setdefault(card.parent.name, card.parent)
    return folders


def bundle_folders() -> dict[str, Path]:
    """Every bundle by name, as things stand now: the shipped ones, those trained here, then the store's models.

    A stored model is a folder here too, written out once. Raises BundleError when the store cannot be read.
    """
    folders = own_folders()
    if has_store():
        from model.shelf import stored_folders

        for name, folder in stored_folders().items():
            folders.setdefault(name, folder)
    return folders


def default_name(known: Container[str] | None = None) -> str:
    """What `default` stands for: the user's choice while there is a model of that name, else the shipped one."""
    if has_store():
        from model.shelf import chosen_default

        chosen = chosen_default()
        if chosen is not None and current_name(chosen) in (bundle_folders() if known is None else known):
            return current_name(chosen)
    return DEFAULT


def current_name(name: str) -> str:
    """`name@version` is plain `name` while it is the newest version; any other name stays as it is."""
    if "@" in name and has_store():
        from model.shelf import title_of

        return title_of(name)
    return name


def find_bundle(name: str) -> Path:
    """The folder of a bundle: `default`, a name of `bundle_folders`, or a path. Raises UnknownModel."""
    try:
        return find_named(name)
    except UnknownModel:
        if (Path(name) / CARD_FILE).is_file():
            return Path(name)
        raise


def find_named(name: str) -> Path:
    """The folder of `default` or of a bundle's name, never a path: for names from outside. Raises UnknownModel."""
    known = bundle_folders()
    wanted = default_name(known) if name == "default" else current_name(name)
    if wanted in known:
        return known[wanted]
    near = get_close_matches(name, known, 1)
    hint = _("; did you mean {name!r}?").format(name=near[0]) if near else ""
    raise UnknownModel(
        _("unknown model {name!r}; models: {names}{hint}").format(
            name=name[:80], names=", ".join(["default", *known]), hint=hint
        )
    )


def read_card(folder: Path) -> Card:
    """The card of a bundle. Raises BundleError when it is missing or does not read."""
    path = folder / CARD_FILE
    try:
        return parse_card(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise BundleError(
            _("{folder} is not a bundle: it has no {card_file}").format(folder=folder, card_file=CARD_FILE)
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleError(_("{path} is not a card of this version: {error}").format(path=path, error=error)) from error


def parse_card(content: dict[str, Any]) -> Card:
    """A card from its JSON object. Raises KeyError, TypeError or AttributeError for anything else."""
    files = {name: FileEntry(**entry) for name, entry in content["files"].items()}
    return Card(**content | {"classes": tuple(content["classes"]), "files": files})


def no_file(bundle: str, card: Card, name: str) -> BundleError:
    """The error of a file that a bundle does not have; bundle: its folder, or its name."""
    return BundleError(
        _("{folder} holds no {name}; its files: {names}").format(
            folder=bundle, name=name, names=", ".join(card.files) or _("none")
        )
    )


def check_file(folder: Path, card: Card, name: str) -> Path:
    """The path of a bundle's file after comparing its SHA-256 with the card. Raises BundleError."""
    path = folder / name
    if name not in card.files or not path.is_file():
        raise no_file(str(folder), card, name)
    if sha256(path) != card.files[name].sha256:
        raise BundleError(_("{path} is not the file its card describes: its SHA-256 differs").format(path=path))
    return path


@contextmanager
def checked_copy(folder: Path, card: Card, name: str) -> Iterator[Path]:
    """A copy of a bundle's file that is checked: what is loaded is what the card describes, whoever writes meanwhile.

    Raises BundleError, or OSError where there is no room for the copy.
    """
    path = check_file(folder, card, name)
    with TemporaryDirectory(prefix="vitrine-", ignore_cleanup_errors=True) as temporary:
        copy = Path(shutil.copy(path, temporary))
        if sha256(copy) != card.files[name].sha256:
            raise BundleError(_("{path} changed while it was read; ask again").format(path=path))
        yield copy


def write_card(folder: Path, card: Card) -> Card:
    """Write card.json with size and SHA-256 of each network beside it; returns the card as written."""
    files = {
        name: FileEntry((folder / name).stat().st_size, sha256(folder / name))
        for name in NETWORK_FILES
        if (folder / name).is_file()
    }
    card = dataclasses.replace(card, files=files)
    content: dict[str, Any] = dataclasses.asdict(card)
    write_whole(folder / CARD_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return card


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_name(name: str) -> str:
    """A name that can be a folder on every system. Raises BundleError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise BundleError(
            _("{name!r} cannot be a name; letters, digits, '.', '_' and '-' can, up to 64 of them").format(name=name)
        )
    return name
